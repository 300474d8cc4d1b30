#include "bench/llama_cpp.hpp"

#include <array>
#include <cstdio>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "io/progress.hpp"
#include "model/checkpoint_config.hpp"
#include "model/make_tokenizer.hpp"

namespace chromatin::bench {
namespace {

const std::string script = CHROMATIN_SOURCE_DIR "/bench/peers/llama-cpp.sh";

std::string quoted(const std::string& argument) {
  std::string text = "'";
  for (char c : argument) c == '\'' ? text += "'\\''" : text += c;
  return text + "'";
}

std::string output_of(const std::vector<std::string>& arguments) {
  std::string line = "bash " + quoted(script);
  for (const auto& a : arguments) line += " " + quoted(a);
  auto* pipe = ::popen((line + " 2>/dev/null").c_str(), "r");
  if (!pipe) throw std::runtime_error("cannot run " + line);
  std::string text;
  std::array<char, 4096> buffer;
  for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) text.append(buffer.data(), n);
  if (auto status = ::pclose(pipe); status != 0) throw std::runtime_error(fmt::format("failed ({}): {}", status, line));
  return text;
}

}  // namespace

llama_cpp::llama_cpp(std::filesystem::path root) : root_{std::filesystem::absolute(root)} {
  if (!std::filesystem::exists(root_ / "usr/bin/llama-bench"))
    throw std::runtime_error(fmt::format("{}: no llama.cpp there; make it with `bench/peers/llama-cpp.sh setup {}`",
                                         root.string(), root.string()));
  version_ = output_of({"run", root_, "dpkg-query", "-W", "-f=${Version}", "llama.cpp"});
}

std::string llama_cpp::convert(const std::filesystem::path& checkpoint, const std::string& kind) {
  auto name = checkpoint.filename().string();
  if (!std::filesystem::exists(file(name))) output_of({"convert", root_, checkpoint, file(name)});
  if (kind.empty()) return name;
  auto smaller = name + "-" + kind;
  if (!std::filesystem::exists(file(smaller)))
    output_of({"run", root_, "llama-quantize", "/models/" + name + ".gguf", "/models/" + smaller + ".gguf", kind});
  return smaller;
}

std::string llama_cpp::make(const std::string& shape, const std::string& kind, const std::filesystem::path& work,
                            const std::filesystem::path& embedded) {
  auto name = shape + "-" + kind;
  auto folder = work / (shape + "-without-weights");
  std::filesystem::create_directories(folder);
  const auto& made = model::find_checkpoint_shape(shape);
  model::make_tokenizer(made, folder, embedded);
  model::write_text(folder / "config.json", model::config_text(made));
  io::waiting_line waiting{"writing " + file(name).string()};
  output_of({"random", root_, folder, kind, file(name)});
  return name;
}

double llama_cpp::tokens_per_s(const std::string& model, std::uint32_t threads, std::uint32_t prompt,
                               std::uint32_t generate, std::uint32_t depth) {
  auto number = [](std::uint32_t n) { return std::to_string(n); };
  auto text = output_of({"run", root_, "llama-bench", "-m", "/models/" + model + ".gguf", "-t", number(threads), "-p",
                         number(prompt), "-n", number(generate), "-d", number(depth), "-r", "1", "-o", "json"});
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array() || json.size() != 1) throw std::runtime_error("llama-bench answered something unknown");
  return json[0].at("avg_ts").get<double>();
}

std::vector<std::string> llama_cpp::serve(const std::string& model, const llama_serving& how) const {
  auto colon = how.address.rfind(':');
  auto threads = std::to_string(how.threads);
  return {"/bin/bash",
          script,
          "run",
          root_.string(),
          "llama-server",
          "-m",
          "/models/" + model + ".gguf",
          "--host",
          how.address.substr(0, colon),
          "--port",
          how.address.substr(colon + 1),
          "-t",
          threads,
          "-tb",
          threads,
          "-np",
          std::to_string(how.slots),
          "-c",
          std::to_string(how.slots * how.slot_tokens),
          "--jinja"};
}

}  // namespace chromatin::bench

#include "gpu/cuda/device/algorithms.hpp"

#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "kv/chunk.hpp"

namespace chromatin::gpu::cuda {

namespace {

constexpr std::string_view last_line = "checksum ";

std::string checksum_of(const std::string& text) { return to_string(kv::hash(std::as_bytes(std::span{text}))); }

/// What stands before the last line, when that has the right checksum.
std::optional<std::string> verified(const std::string& text) {
  auto at = text.rfind(last_line);
  if (at == std::string::npos) return std::nullopt;
  auto body = text.substr(0, at);
  if (text.substr(at) != std::string{last_line} + checksum_of(body) + "\n") return std::nullopt;
  return body;
}

}  // namespace

algorithm_choices::algorithm_choices(std::filesystem::path file, std::string machine)
    : file_{std::move(file)}, machine_{std::move(machine)} {
  all_[machine_];
  std::ifstream in{file_, std::ios::binary};
  if (file_.empty() || !in) return;
  auto body = verified({std::istreambuf_iterator<char>{in}, {}});
  if (!body) return;
  std::istringstream lines{*body};
  for (std::string name, rest; std::getline(lines, name, '\t') && std::getline(lines, rest);) {
    std::istringstream fields{rest};
    product_shape shape{};
    unsigned result = 0;
    algorithm_words algorithm{};
    fields >> shape.outputs >> shape.inputs >> result >> shape.rows >> std::hex;
    for (auto& word : algorithm) fields >> word;
    shape.result = static_cast<product::into>(result);
    if (fields) all_[name][shape] = algorithm;
  }
}

std::optional<algorithm_words> algorithm_choices::at_least(const product_shape& shape) const {
  auto found = chosen().lower_bound(shape);
  if (found == chosen().end() || !found->first.same_but_rows(shape)) return std::nullopt;
  return found->second;
}

bool algorithm_choices::save() const {
  if (file_.empty()) return true;
  std::ostringstream text;
  for (const auto& [name, of_machine] : all_) {
    for (const auto& [shape, algorithm] : of_machine) {
      text << name << '\t' << std::dec << shape.outputs << ' ' << shape.inputs << ' '
           << static_cast<unsigned>(shape.result) << ' ' << shape.rows << '\t' << std::hex;
      for (std::size_t i = 0; i < algorithm.size(); ++i) text << (i > 0 ? " " : "") << algorithm[i];
      text << '\n';
    }
  }
  auto body = text.str();
  auto beside = file_;
  beside += ".new";
  std::ofstream out{beside, std::ios::binary | std::ios::trunc};
  out << body << last_line << checksum_of(body) << '\n';
  out.close();
  std::error_code failed;
  if (out) std::filesystem::rename(beside, file_, failed);
  return out && !failed;
}

}  // namespace chromatin::gpu::cuda

/// chromatin inspect: what was understood of a model.

#include <chrono>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "apps/commands.hpp"
#include "apps/flags/size.hpp"
#include "model/inspection.hpp"

namespace chromatin {
namespace {

using json = nlohmann::ordered_json;

struct inspect_flags {
  std::filesystem::path model;
  std::uint32_t context = 0;
  bool as_json = false;
};

/// What a file says goes to a terminal: no byte of it may move the cursor.
std::string printable(const std::string& text, const char* indent) {
  std::string shown = indent;
  for (auto c : text) {
    if (c == '\n')
      shown += fmt::format("\n{}", indent);
    else if (static_cast<unsigned char>(c) >= ' ' && c != '\x7f')
      shown += c;
    else
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return shown;
}

std::uint64_t token_bytes(const model::config& c, kv::dtype type) {
  return c.cache_geometry(type).chunk_bytes() / kv::tokens_per_chunk;
}

void print_words(const model::inspection& m) {
  const auto& c = m.model->config;
  auto line = [](const char* what, const std::string& text) { fmt::print("{:<14}{}\n", what, printable(text, "")); };
  line("model", fmt::format("{}: {}, {} with weights", m.name, m.format,
                            m.files.size() == 1 ? "one file" : fmt::format("{} files", m.files.size())));
  line("architecture",
       fmt::format("{}: {} layers of {}, {} heads of {}, {} of keys and values, feed-forward {}{}", m.architecture,
                   c.layers, c.hidden, c.heads, c.head_dim, c.kv_heads, c.ffn,
                   c.experts > 0 ? fmt::format(", {} of {} experts", c.experts_per_token, c.experts) : ""));
  line("traits", m.traits.empty() ? "none beyond LLaMA's" : fmt::format("{}", fmt::join(m.traits, ", ")));
  line("positions", m.positions);
  line("context", fmt::format("{} tokens", c.context));
  line("tokenizer", m.tokenizer);
  std::vector<std::string> ends;
  for (const auto& [id, text] : m.ends_of_answer) ends.push_back(fmt::format("{} ({})", text, id));
  line("answer ends", fmt::format("{}", fmt::join(ends, ", ")));
  auto all = m.all_weights();
  line("weights", fmt::format("{:.3f} billion in {}", static_cast<double>(all.values) / 1e9,
                              bytes_text(static_cast<double>(all.bytes))));
  for (const auto& [type, part] : m.weights)
    line("", fmt::format("{:<8}{:>6} tensors {:>12}", type, part.tensors, bytes_text(static_cast<double>(part.bytes))));
  auto narrow = token_bytes(c, kv::dtype::bf16), wide = token_bytes(c, kv::dtype::f32);
  line("cache", fmt::format("{} a token in bf16, {} in f32", bytes_text(static_cast<double>(narrow)),
                            bytes_text(static_cast<double>(wide))));
  line("memory",
       fmt::format("{} of weights; a full window is {} of --device-mem in bf16, {} in f32",
                   bytes_text(static_cast<double>(all.bytes)), bytes_text(static_cast<double>(narrow * c.context)),
                   bytes_text(static_cast<double>(wide * c.context))));
  if (!c.unknown_keys.empty()) line("unknown keys", fmt::format("{}", fmt::join(c.unknown_keys, ", ")));
  fmt::print("template      of {}; a conversation:\n{}\n", m.model->chat.name(), printable(m.sample, "    "));
}

void print_json(const model::inspection& m) {
  const auto& c = m.model->config;
  auto ends = json::array(), weights = json::array(), files = json::array();
  for (const auto& [id, text] : m.ends_of_answer) ends.push_back({{"id", id}, {"text", text}});
  for (const auto& [type, part] : m.weights)
    weights.push_back({{"type", type}, {"tensors", part.tensors}, {"values", part.values}, {"bytes", part.bytes}});
  for (const auto& file : m.files) files.push_back(file.string());
  json all{
      {"name", m.name},
      {"format", m.format},
      {"files", files},
      {"architecture", m.architecture},
      {"traits", m.traits},
      {"layers", c.layers},
      {"hidden", c.hidden},
      {"heads", c.heads},
      {"kv_heads", c.kv_heads},
      {"head_dim", c.head_dim},
      {"feed_forward", c.ffn},
      {"experts", c.experts},
      {"vocabulary", c.vocabulary},
      {"context", c.context},
      {"positions", m.positions},
      {"tokenizer", m.tokenizer},
      {"tokens", m.model->tokenizer->size()},
      {"ends_of_answer", ends},
      {"weights", weights},
      {"cache_bytes_per_token", {{"bf16", token_bytes(c, kv::dtype::bf16)}, {"f32", token_bytes(c, kv::dtype::f32)}}},
      {"unknown_keys", c.unknown_keys},
      {"template", m.model->chat.name()},
      {"conversation", m.sample}};
  fmt::print("{}\n", all.dump(2, ' ', false, json::error_handler_t::replace));
}

}  // namespace

void add_inspect_command(CLI::App& app) {
  auto* command =
      app.add_subcommand("inspect", "Show what is understood of a model: serve's --model, without serving it");
  auto flags = std::make_shared<inspect_flags>();
  command
      ->add_option("MODEL", flags->model, "checkpoint folder, GGUF file, folder of Hugging Face's cache, ollama:NAME")
      ->required();
  command->add_option("--context", flags->context, "tokens of a window (default: what the model was made for)")
      ->check(CLI::Range(64, 1 << 20));
  command->add_flag("--json", flags->as_json, "as JSON");
  command->callback([flags] {
    auto now = std::chrono::system_clock::now().time_since_epoch();
    auto found =
        model::inspect(flags->model, flags->context, std::chrono::duration_cast<std::chrono::seconds>(now).count());
    flags->as_json ? print_json(found) : print_words(found);
  });
}

}  // namespace chromatin

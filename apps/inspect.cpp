/// chromatin inspect: what was understood of a model, and how a server would lay it into this machine's memory.

#include <chrono>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "actors/memory_plan.hpp"
#include "actors/model_memory.hpp"
#include "apps/commands.hpp"
#include "apps/flags/size.hpp"
#include "apps/output.hpp"
#include "apps/system_flags.hpp"
#include "model/inspection.hpp"

namespace chromatin {
namespace {

using json = nlohmann::ordered_json;

struct inspect_flags {
  system_options system;
  bool as_json = false;
};

/// What serve would make of the same options.
struct served_memory {
  model_memory fit;
  system_options options;  ///< with what was left to the machine
  std::uint64_t machine_free_bytes = 0;
  std::vector<std::string> notices;
  std::string refused;  ///< why it would not start; empty: it would
};

served_memory plan_for(const model::config& shape, const system_options& wanted) {
  served_memory plan{.options = wanted};
  plan.machine_free_bytes = machine_memory().free_bytes;
  try {
    auto place = choose_place(plan.options, plan.notices, model::traits_beyond_llama(shape));
    plan.fit = fit_memory(place, shape, plan.options, plan.notices);
  } catch (const std::runtime_error& e) {
    plan.refused = e.what();
  }
  return plan;
}

/// A conversation as many have them.
constexpr std::uint32_t usual_tokens = 1000;

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

void line(const char* what, const std::string& text) { fmt::print("{:<14}{}\n", what, printable(text, "")); }

std::string shown(std::uint64_t bytes) { return bytes_text(static_cast<double>(bytes)); }

void print_memory(const served_memory& plan) {
  if (!plan.refused.empty()) return line("memory", "serve refuses these options: " + plan.refused);
  const auto& fit = plan.fit;
  auto holds = [&](std::uint64_t bytes) {
    return fmt::format("{} conversations that fill the window, {} of {} tokens", fit.conversations(bytes, fit.context),
                       fit.conversations(bytes, usual_tokens), usual_tokens);
  };
  line("memory",
       fmt::format("computed {} in {}; {} of weights{}", fit.device.empty() ? "by the processor" : "on " + fit.device,
                   fit.type == kv::dtype::f32 ? "f32" : "bf16", shown(fit.weight_bytes),
                   fit.device.empty() ? fmt::format(", of {} that are free", shown(plan.machine_free_bytes))
                                      : " in its memory"));
  line("", fmt::format("a window of {} tokens is {} of the cache", fit.context,
                       shown(kv::chunks_for(fit.context) * fit.chunk_bytes)));
  line("--device-mem", fmt::format("{}: {}", shown(plan.options.device_bytes), holds(plan.options.device_bytes)));
  line("--host-mem", fmt::format("{}: {} stay warm", shown(plan.options.host_bytes), holds(plan.options.host_bytes)));
  line("--disk-size",
       fmt::format("{}: {}, with --disk", shown(plan.options.disk_bytes), holds(plan.options.disk_bytes)));
  line("--batch", fmt::format("{} turns computed together", plan.options.batch_max));
  for (const auto& notice : plan.notices) line("", notice);
}

void print_words(const model::inspection& m, const served_memory& plan) {
  const auto& c = m.model->config;
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
  line("weights", fmt::format("{:.3f} billion in {}", static_cast<double>(all.values) / 1e9, shown(all.bytes)));
  for (const auto& [type, part] : m.weights)
    line("", fmt::format("{:<8}{:>6} tensors {:>12}", type, part.tensors, shown(part.bytes)));
  auto narrow = token_bytes(c, kv::dtype::bf16), wide = token_bytes(c, kv::dtype::f32);
  line("cache", fmt::format("{} a token in bf16, {} in f32", shown(narrow), shown(wide)));
  print_memory(plan);
  if (!c.unknown_keys.empty()) line("unknown keys", fmt::format("{}", fmt::join(c.unknown_keys, ", ")));
  fmt::print("template      of {}; a conversation:\n{}\n", m.model->chat.name(), printable(m.sample, "    "));
}

json memory_json(const served_memory& plan) {
  if (!plan.refused.empty()) return {{"refused", plan.refused}};
  const auto& fit = plan.fit;
  auto tier = [&](std::uint64_t bytes) {
    return json{{"bytes", bytes},
                {"full_windows", fit.conversations(bytes, fit.context)},
                {"conversations_of_1000_tokens", fit.conversations(bytes, usual_tokens)}};
  };
  return {{"backend", fit.device.empty() ? "cpu" : "cuda"},
          {"device", fit.device},
          {"type", fit.type == kv::dtype::f32 ? "f32" : "bf16"},
          {"free_bytes", plan.machine_free_bytes},
          {"weight_bytes", fit.weight_bytes},
          {"context", fit.context},
          {"window_bytes", kv::chunks_for(fit.context) * fit.chunk_bytes},
          {"device_mem", tier(plan.options.device_bytes)},
          {"host_mem", tier(plan.options.host_bytes)},
          {"disk_size", tier(plan.options.disk_bytes)},
          {"batch", plan.options.batch_max},
          {"notices", plan.notices}};
}

void print_as_json(const model::inspection& m, const served_memory& plan) {
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
      {"memory", memory_json(plan)},
      {"unknown_keys", c.unknown_keys},
      {"template", m.model->chat.name()},
      {"conversation", m.sample}};
  print_json(all);
}

}  // namespace

void add_inspect_command(CLI::App& app) {
  auto* command =
      app.add_subcommand("inspect",
                         "Show what is understood of a model (serve's --model), and how it would be laid into memory, "
                         "without serving it");
  auto flags = std::make_shared<inspect_flags>();
  command
      ->add_option("MODEL", flags->system.model,
                   "checkpoint folder, GGUF file, folder of Hugging Face's cache, ollama:NAME")
      ->required();
  add_memory_flags(*command, flags->system);
  command->add_flag("--json", flags->as_json, "as JSON");
  command->callback([flags] {
    auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto& wanted = flags->system;
    auto found =
        model::inspect(wanted.model, wanted.context, std::chrono::duration_cast<std::chrono::seconds>(now).count());
    auto plan = plan_for(found.model->config, wanted);
    flags->as_json ? print_as_json(found, plan) : print_words(found, plan);
  });
}

}  // namespace chromatin

#include "model/inspection.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "model/bpe_tokenizer.hpp"
#include "model/gguf/contents.hpp"
#include "model/json_node.hpp"
#include "model/model_source.hpp"
#include "model/sentencepiece_tokenizer.hpp"
#include "model/shards.hpp"

namespace chromatin::model {
namespace {

void describe_files(const model_source& source, inspection& found) {
  found.name = source.name;
  if (source.is_gguf()) {
    auto from = gguf::contents::open(source.path);
    found.format = "GGUF";
    found.architecture = from.values.text("general.architecture");
    found.files = from.paths;
    return;
  }
  auto file = source.path / "config.json";
  auto parsed = parse_json_object(read_file(file), file.string());
  found.format = "checkpoint folder";
  found.architecture = json_node{parsed, file.string()}.list("architectures").at(0).get<std::string>();
  found.files = read_shard_index(source.path).files;
}

std::string shown_scaling(const rope_scaling& s) {
  switch (s.type) {
    case rope_scaling::kind::none:
      return "";
    case rope_scaling::kind::linear:
      return fmt::format(", linear by {}", s.factor);
    case rope_scaling::kind::dynamic:
      return fmt::format(", dynamic by {} beyond {} tokens", s.factor, s.original_context);
    case rope_scaling::kind::yarn:
      return fmt::format(", yarn by {} over {} tokens", s.factor, s.original_context);
    case rope_scaling::kind::llama3:
      return fmt::format(", llama3 by {} over {} tokens", s.factor, s.original_context);
    case rope_scaling::kind::longrope:
      if (s.short_factors == s.long_factors) return ", by factors that the file lists";
      return fmt::format(", longrope by {} over {} tokens", s.factor, s.original_context);
  }
  return "";
}

std::string positions_of(const config& c) {
  auto text = fmt::format("rotary, theta {}{}", c.rope_theta, shown_scaling(c.scaling));
  if (c.rotary_values() != c.head_dim) text += fmt::format(", {} of a head's {} values", c.rotary_values(), c.head_dim);
  if (c.has_local_rope())
    text += fmt::format("; layers with a window: theta {}{}", c.local_rope_theta, shown_scaling(c.local_scaling));
  return text;
}

std::string tokenizer_of(const tokenizer& words) {
  bool sentencepiece = dynamic_cast<const sentencepiece_tokenizer*>(&words) != nullptr;
  auto* own = dynamic_cast<const bpe_tokenizer*>(&words);
  auto kind = sentencepiece ? "SentencePiece" : own && own->is_unigram() ? "Unigram" : "BPE";
  return fmt::format("{}, {} tokens, {} of them control tokens", kind, words.size(), words.controls().size());
}

std::vector<std::pair<kv::token_id, std::string>> ends_of(const checkpoint& m) {
  std::map<kv::token_id, std::string> texts;
  for (const auto& piece : m.tokenizer->controls()) texts.emplace(m.tokenizer->control(piece), piece);
  std::vector<std::pair<kv::token_id, std::string>> ends;
  for (auto id : m.config.end_of_answer) ends.emplace_back(id, texts.contains(id) ? texts[id] : m.tokenizer->bytes(id));
  return ends;
}

/// With a system message where the template has a place for one.
std::string sample_of(const chat_template& chat, std::int64_t now_s) {
  std::vector<message> said{
      {"system", "Be brief."}, {"user", "Hello!"}, {"assistant", "Hi."}, {"user", "How are you?"}};
  render_options options{.answer_prompt = true, .now_s = now_s, .tools = {}, .documents = {}, .variables = {}};
  try {
    return chat.render(said, options).bytes();
  } catch (const jinja::template_error&) {
    said.erase(said.begin());
    return chat.render(said, options).bytes();
  }
}

}  // namespace

weights_of_type inspection::all_weights() const {
  weights_of_type all;
  for (const auto& [type, part] : weights) {
    all.tensors += part.tensors;
    all.values += part.values;
    all.bytes += part.bytes;
  }
  return all;
}

inspection inspect(const std::filesystem::path& model, std::uint32_t context, std::int64_t now_s) {
  inspection found;
  found.model = checkpoint::look_at(model, context);
  describe_files(find_model(model), found);
  const auto& c = found.model->config;
  found.traits = traits_beyond_llama(c);
  found.positions = positions_of(c);
  found.tokenizer = tokenizer_of(*found.model->tokenizer);
  found.ends_of_answer = ends_of(*found.model);
  for (const auto& [name, shape] : expected_tensors(c)) {
    const auto& t = found.model->weights.as_stored(name);
    auto& of = found.weights[t.type_name];
    ++of.tensors;
    of.values += t.size();
    of.bytes += t.bytes.size();
  }
  found.sample = sample_of(found.model->chat, now_s);
  return found;
}

}  // namespace chromatin::model

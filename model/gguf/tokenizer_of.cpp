#include "model/gguf/tokenizer_of.hpp"

#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/load_error.hpp"
#include "model/tokenizer_parts.hpp"

namespace chromatin::model::gguf {
namespace {

constexpr auto model_key = "tokenizer.ggml.model", tokens_key = "tokenizer.ggml.tokens",
               types_key = "tokenizer.ggml.token_type", scores_key = "tokenizer.ggml.scores",
               merges_key = "tokenizer.ggml.merges", pre_key = "tokenizer.ggml.pre";
constexpr std::string_view template_key = "tokenizer.chat_template";
constexpr std::size_t tokens_max = 1u << 20;

std::vector<std::string_view> tokens_of(const metadata& values) {
  auto tokens = values.texts(tokens_key);
  if (tokens.empty() || tokens.size() > tokens_max)
    values.refuse(tokens_key, fmt::format("has {} tokens; from 1 to {} are allowed", tokens.size(), tokens_max));
  return tokens;
}

piece_kind kind_of(const metadata& values, std::int64_t number) {
  if (number < static_cast<int>(piece_kind::normal) || number > static_cast<int>(piece_kind::byte))
    values.refuse(types_key, fmt::format("has the type {}, which is not known", number));
  return static_cast<piece_kind>(number);
}

template <class List>
void check_size(const metadata& values, const char* key, const List& list, std::size_t tokens) {
  if (list.size() != tokens) values.refuse(key, fmt::format("has {} values for {} tokens", list.size(), tokens));
}

void read_vocabulary(const metadata& values, bool with_scores, tokenizer_parts& parts) {
  auto tokens = tokens_of(values);
  std::vector<std::int64_t> types;
  std::vector<float> scores;
  if (values.has(types_key)) check_size(values, types_key, types = values.numbers(types_key), tokens.size());
  if (with_scores) check_size(values, scores_key, scores = values.reals(scores_key), tokens.size());
  for (auto score : scores)
    if (std::isnan(score)) values.refuse(scores_key, "has a score that is no number");
  parts.vocabulary.reserve(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i)
    parts.vocabulary.push_back({.text = std::string{tokens[i]},
                                .id = static_cast<kv::token_id>(i),
                                .kind = types.empty() ? piece_kind::normal : kind_of(values, types[i]),
                                .score = scores.empty() ? 0.0f : scores[i]});
}

void read_merges(const metadata& values, tokenizer_parts& parts) {
  for (auto rule : values.texts(merges_key)) {
    auto space = rule.find(' ', 1);  // a piece may be a space, but none is empty
    if (space == rule.npos || space + 1 == rule.size())
      values.refuse(merges_key,
                    fmt::format("has the rule number {}, which is not \"left right\"", parts.merges.size()));
    parts.merges.emplace_back(rule.substr(0, space), rule.substr(space + 1));
  }
}

kv::hash128 hash_of(const metadata& values) {
  kv::hash128 hash{};
  for (const auto& [key, v] : values.all())
    if (key.starts_with("tokenizer.ggml.")) hash = kv::hash(v.bytes, kv::hash(std::as_bytes(std::span{key}), hash));
  return hash;
}

std::string templates_without_default(const metadata& values) {
  std::vector<std::string> names;
  for (const auto& [key, v] : values.all())
    if (key.starts_with(template_key)) names.push_back(key);
  return names.empty() ? "; a chat model is needed" : fmt::format(", only {}", fmt::join(names, ", "));
}

}  // namespace

std::shared_ptr<const tokenizer> tokenizer_of(const metadata& values, std::uint32_t vocabulary) {
  auto model = values.text(model_key);
  bool sentencepiece = model == "llama";
  if (!sentencepiece && model != "gpt2")
    values.refuse(model_key, fmt::format("is {}, which is not served; served: gpt2, llama", values.shown(model_key)));
  tokenizer_parts parts;
  parts.where = values.where();
  parts.vocabulary_key = tokens_key;
  parts.merges_key = merges_key;
  parts.ids = vocabulary;
  parts.hash = hash_of(values);
  read_vocabulary(values, sentencepiece, parts);
  if (values.has("tokenizer.ggml.unknown_token_id"))
    parts.unknown =
        values.number("tokenizer.ggml.unknown_token_id", 0, static_cast<std::uint32_t>(parts.vocabulary.size() - 1));
  if (sentencepiece) {
    cut_like_sentencepiece(values.flag("tokenizer.ggml.add_space_prefix", true), parts);
  } else {
    read_merges(values, parts);
    cut_like(values.text(pre_key, "default"), parts);
  }
  return build_tokenizer(std::move(parts));
}

chat_description chat_of(const metadata& values) {
  chat_description chat;
  chat.file = "its metadata";
  chat.where = fmt::format("{}: \"{}\"", values.where(), template_key);
  if (!values.has(template_key))
    values.refuse(template_key, fmt::format("is missing{}", templates_without_default(values)));
  chat.text = values.text(template_key);
  auto tokens = tokens_of(values);
  for (auto [key, name] : {std::pair{"bos", "bos_token"},
                           {"eos", "eos_token"},
                           {"unknown", "unk_token"},
                           {"seperator", "sep_token"},  // as the format spells it
                           {"separator", "sep_token"},
                           {"padding", "pad_token"},
                           {"cls", "cls_token"},
                           {"mask", "mask_token"}}) {
    auto id_key = fmt::format("tokenizer.ggml.{}_token_id", key);
    if (!values.has(id_key)) continue;
    auto id = values.number(id_key, 0, static_cast<std::uint32_t>(tokens.size() - 1));
    chat.special.emplace_back(name, tokens[id]);
    if (std::string_view{key} == "bos") chat.bos = tokens[id];
    if (std::string_view{key} == "eos") chat.eos = tokens[id];
  }
  return chat;
}

}  // namespace chromatin::model::gguf

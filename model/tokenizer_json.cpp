#include "model/tokenizer_json.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace chromatin::model {
namespace {

constexpr std::uint32_t ids_max = 1u << 20;

std::pair<std::string, std::string> parse_merge(const json_node& in) {
  const auto& rule = in.value;
  if (rule.is_array() && rule.size() == 2 && rule[0].is_string() && rule[1].is_string())
    return {rule[0].get<std::string>(), rule[1].get<std::string>()};
  auto text = rule.is_string() ? rule.get<std::string>() : "";
  auto space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
    in.refuse("a merge must be \"left right\" or [\"left\", \"right\"]");
  return {text.substr(0, space), text.substr(space + 1)};
}

bool names_a_byte(std::string_view text) { return text.size() == 6 && text.starts_with("<0x") && text.ends_with('>'); }

/// [["piece", score], …]: a piece's id is its place.
void parse_unigram(const json_node& in, tokenizer_parts& out) {
  in.only({"type", "unk_id", "vocab", "byte_fallback"});
  const auto& vocabulary = in.list("vocab");
  if (vocabulary.size() > ids_max) in.refuse(fmt::format("\"vocab\" has more than {} pieces", ids_max));
  bool byte_fallback = in.flag("byte_fallback", false);
  if (in.has("unk_id")) out.unknown = parse_token_id({in.at("unk_id").value, in.where + ": unk_id"});
  if (out.unknown && *out.unknown >= vocabulary.size()) in.refuse("\"unk_id\" is no piece of \"vocab\"");
  for (const auto& piece : vocabulary) {
    auto id = static_cast<kv::token_id>(out.vocabulary.size());
    if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number())
      in.refuse("a piece of \"vocab\" must be [\"text\", score]");
    auto text = piece[0].get<std::string>();
    auto score = piece[1].get<double>();
    if (!std::isfinite(score)) in.refuse(fmt::format("the score of {} is no number", shown(piece[0])));
    auto kind = id == out.unknown                     ? piece_kind::unknown
                : byte_fallback && names_a_byte(text) ? piece_kind::byte
                                                      : piece_kind::normal;
    out.vocabulary.push_back({std::move(text), id, kind, score});
  }
}

void parse_model(const json_node& in, tokenizer_parts& out) {
  auto type = in.text("type", "BPE");
  if (out.unigram) return parse_unigram(in, out);
  if (type != "BPE") in.refuse(fmt::format("type {} is not supported; supported: BPE, Unigram", type));
  in.only({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
           "byte_fallback", "ignore_merges", "vocab", "merges"});
  in.must_be("dropout", {0, 0.0}, "");
  in.must_be("continuing_subword_prefix", {""}, "");
  in.must_be("end_of_word_suffix", {""}, "");
  out.ignore_merges = in.flag("ignore_merges", false);
  out.fuse_unknown = in.flag("fuse_unk", false);
  bool byte_fallback = in.flag("byte_fallback", false);
  auto unknown = in.text("unk_token", "");
  auto vocabulary = in.at("vocab");
  if (!vocabulary.value.is_object()) vocabulary.refuse("must be an object");
  for (const auto& [written, id] : vocabulary.value.items()) {
    auto kind = byte_fallback && names_a_byte(written) ? piece_kind::byte : piece_kind::normal;
    out.vocabulary.push_back({written, parse_token_id({id, vocabulary.where}), kind});
    if (!unknown.empty() && written == unknown) out.unknown = out.vocabulary.back().id;
  }
  for (const auto& rule : in.list("merges")) out.merges.push_back(parse_merge({rule, in.where}));
}

}  // namespace

kv::token_id parse_token_id(const json_node& in) {
  if (!in.value.is_number_unsigned() || in.value >= ids_max)
    in.refuse(fmt::format("an id must be a whole number below {}", ids_max));
  return in.value.get<kv::token_id>();
}

added_token parse_added_token(const json_node& in) {
  added_token added{.content = in.text("content"),
                    .special = in.flag("special", false),
                    .normalized = in.flag("normalized", false),
                    .strips_left = in.flag("lstrip", false),
                    .strips_right = in.flag("rstrip", false),
                    .single_word = in.flag("single_word", false)};
  if (added.content.empty()) in.refuse("a token without text");
  return added;
}

tokenizer_parts parse_tokenizer_json(std::string_view text, const std::string& where, bool has_sentencepiece) {
  auto parsed = parse_json_object(text, where);
  json_node file{parsed, where};
  file.only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
             "decoder", "model"});
  tokenizer_parts out;
  out.where = where;
  out.hash = kv::hash(std::as_bytes(std::span{text}));
  out.unigram = file.at("model").text("type", "BPE") == "Unigram";
  bool only_added = out.unigram && has_sentencepiece;
  if (!only_added) parse_model(file.at("model"), out);
  if (file.has("added_tokens"))
    for (const auto& token : file.list("added_tokens")) {
      json_node in{token, where + ": added_tokens"};
      in.only({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
      out.added.push_back(parse_added_token(in));
      out.added.back().id = parse_token_id(in.at("id"));
    }
  if (only_added) return out;
  parse_decoder(file.at("decoder"), out);
  if (file.has("normalizer")) parse_normalizer(file.at("normalizer"), out);
  if (file.has("pre_tokenizer"))
    parse_pre_tokenizer(file.at("pre_tokenizer"), out);
  else if (out.spelled == tokenizer_parts::spelling::byte_alphabet)
    file.refuse("\"pre_tokenizer\" is missing, and the decoder is ByteLevel");
  if (out.unigram && out.spelled == tokenizer_parts::spelling::byte_alphabet)
    file.refuse("a Unigram model with a ByteLevel decoder is not supported");
  return out;
}

}  // namespace chromatin::model

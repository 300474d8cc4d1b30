#include "model/tokenizer_json.hpp"

#include <fmt/format.h>

#include "model/json_node.hpp"

namespace chromatin::model {
namespace {

using nlohmann::json;

constexpr std::uint32_t ids_max = 1u << 20;
constexpr std::string_view gpt2_pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* way_out = "; if the checkpoint comes with a tokenizer.model, put it beside";

kv::token_id id_of(const json_node& in) {
  if (!in.value.is_number_unsigned() || in.value >= ids_max)
    in.refuse(fmt::format("an id must be a whole number below {}", ids_max));
  return in.value.get<kv::token_id>();
}

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

void parse_model(const json_node& in, tokenizer_json& out) {
  if (auto type = in.has("type") ? in.text("type") : "BPE"; type != "BPE")
    in.refuse(fmt::format("type {} is not supported, only BPE over bytes{}", type, way_out));
  in.only({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
           "byte_fallback", "ignore_merges", "vocab", "merges"});
  in.must_be("dropout", {0, 0.0}, way_out);
  in.must_be("continuing_subword_prefix", {""}, way_out);
  in.must_be("end_of_word_suffix", {""}, way_out);
  in.must_be("byte_fallback", {false}, way_out);  // what SentencePiece models are that were converted
  out.ignore_merges = in.flag("ignore_merges", false);
  auto vocabulary = in.at("vocab");
  if (!vocabulary.value.is_object()) vocabulary.refuse("must be an object");
  for (const auto& [written, id] : vocabulary.value.items())
    out.vocabulary.emplace_back(written, id_of({id, vocabulary.where}));
  for (const auto& rule : in.list("merges")) out.merges.push_back(parse_merge({rule, in.where}));
}

void parse_added(const json_node& token, tokenizer_json& out) {
  token.only({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
  added_token added{token.text("content"), id_of(token.at("id")), token.flag("special", false),
                    token.flag("normalized", false)};
  if (added.content.empty()) token.refuse("a token without text");
  if (!added.special)  // special ones are never looked for in a text
    for (auto key : {"single_word", "lstrip", "rstrip"})
      if (token.flag(key, false)) token.refuse(fmt::format("\"{}\" is not supported for {}", key, added.content));
  out.added.push_back(std::move(added));
}

void parse_normalizer(const json_node& in, tokenizer_json& out) {
  auto type = in.text("type");
  if (type == "Sequence") {
    in.only({"type", "normalizers"});
    for (const auto& step : in.list("normalizers")) parse_normalizer({step, in.where}, out);
  } else if (type == "NFC") {
    in.only({"type"});
    out.compose = true;
  } else {
    in.refuse(fmt::format("{} is not supported; supported: NFC{}", type, way_out));
  }
}

void parse_split(const json_node& in, tokenizer_json& out) {
  in.only({"type", "pattern", "behavior", "invert"});
  auto pattern = in.at("pattern");
  pattern.only({"Regex"});
  auto behaviour = in.text("behavior");
  bool invert = in.flag("invert", false);
  if (behaviour != "Isolated" && !(behaviour == "Removed" && invert))
    in.refuse(fmt::format("behavior {} is not supported; supported: Isolated, Removed with invert", behaviour));
  out.splits.push_back({pattern.text("Regex"), behaviour == "Isolated", in.where});
}

/// True when `in` writes bytes in the byte alphabet; nothing may come after that.
bool parse_pre_tokenizer(const json_node& in, tokenizer_json& out) {
  auto type = in.text("type");
  if (type == "Sequence") {
    in.only({"type", "pretokenizers"});
    bool bytes = false;
    for (const auto& step : in.list("pretokenizers")) {
      if (bytes) in.refuse("ByteLevel must be the last one");
      bytes = parse_pre_tokenizer({step, in.where}, out);
    }
    return bytes;
  }
  if (type == "Split") {
    parse_split(in, out);
    return false;
  }
  if (type == "Digits") {
    in.only({"type", "individual_digits"});
    out.splits.push_back({in.flag("individual_digits", false) ? "\\p{N}" : "\\p{N}+", true, in.where});
    return false;
  }
  if (type != "ByteLevel")
    in.refuse(fmt::format("{} is not supported; supported: Sequence, Split, Digits, ByteLevel{}", type, way_out));
  in.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  out.add_prefix_space = in.flag("add_prefix_space", true);
  if (out.add_prefix_space && !out.splits.empty()) in.refuse("\"add_prefix_space\" after a cut is not supported");
  if (in.flag("use_regex", true)) out.splits.push_back({std::string{gpt2_pattern}, true, in.where});
  return true;
}

}  // namespace

tokenizer_json parse_tokenizer_json(std::string_view text, const std::string& where) {
  auto parsed = parse_json_object(text, where);
  json_node file{parsed, where};
  file.only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
             "decoder", "model"});
  tokenizer_json out;
  parse_model(file.at("model"), out);
  if (file.has("added_tokens"))
    for (const auto& token : file.list("added_tokens")) parse_added({token, where + ": added_tokens"}, out);
  if (file.has("normalizer")) parse_normalizer(file.at("normalizer"), out);
  if (!parse_pre_tokenizer(file.at("pre_tokenizer"), out))
    file.refuse(fmt::format("pre_tokenizer: only byte-level ones are supported, and this has no ByteLevel{}", way_out));
  auto decoder = file.at("decoder");
  if (auto type = decoder.text("type"); type != "ByteLevel")
    decoder.refuse(fmt::format("{} is not supported; supported: ByteLevel{}", type, way_out));
  return out;
}

}  // namespace chromatin::model

#include <array>

#include <fmt/format.h>

#include "model/known_patterns.hpp"
#include "model/tokenizer_json.hpp"

namespace chromatin::model {
namespace {

using spelling = tokenizer_parts::spelling;

std::string one_of(const json_node& in, std::string_view key) {
  auto text = in.text(key);
  if (text.empty()) in.refuse(fmt::format("\"{}\" is empty", key));
  return text;
}

/// {"String": …} or {"Regex": …}: the text, and whether it is a pattern.
std::pair<std::string, bool> parse_pattern(const json_node& in) {
  auto pattern = in.at("pattern");
  pattern.only({"Regex", "String"});
  bool regex = pattern.has("Regex");
  return {one_of(pattern, regex ? "Regex" : "String"), regex};
}

cut_matches parse_behaviour(const json_node& in, std::string_view fallback = {}) {
  constexpr std::array<std::pair<std::string_view, cut_matches>, 5> all{
      {{"Isolated", cut_matches::isolated},
       {"Removed", cut_matches::removed},
       {"MergedWithPrevious", cut_matches::merged_with_previous},
       {"MergedWithNext", cut_matches::merged_with_next},
       {"Contiguous", cut_matches::contiguous}}};
  auto name = fallback.empty() ? in.text("behavior") : in.text("behavior", fallback);
  for (const auto& [known, behaviour] : all)
    if (name == known) return behaviour;
  in.refuse(fmt::format("behavior {} is not known", name));
}

void parse_split(const json_node& in, tokenizer_parts& out) {
  in.only({"type", "pattern", "behavior", "invert"});
  auto [text, regex] = parse_pattern(in);
  out.cuts.push_back({.what = regex ? cut_step::kind::pattern : cut_step::kind::text,
                      .sought = text,
                      .matches = parse_behaviour(in),
                      .invert = in.flag("invert", false),
                      .where = in.where});
}

void parse_digits(const json_node& in, tokenizer_parts& out) {
  in.only({"type", "individual_digits"});
  auto matches = in.flag("individual_digits", false) ? cut_matches::isolated : cut_matches::contiguous;
  out.cuts.push_back({.sought = "\\p{N}", .matches = matches, .where = in.where});
}

void parse_punctuation(const json_node& in, tokenizer_parts& out) {
  in.only({"type", "behavior"});
  out.cuts.push_back(
      {.sought = R"([!-\/:-@\[-`{-~\p{P}])", .matches = parse_behaviour(in, "Isolated"), .where = in.where});
}

/// White space is gone then, and a Metaspace behind it marks where words begin.
void parse_white_space_split(const json_node& in, tokenizer_parts& out) {
  in.only({"type"});
  out.cuts.push_back({.sought = "\\s+", .matches = cut_matches::removed, .where = in.where});
}

void parse_metaspace(const json_node& in, tokenizer_parts& out) {
  in.only({"type", "replacement", "str_rep", "add_prefix_space", "prepend_scheme", "split"});
  if (in.text("replacement", written_space) != written_space) in.refuse("\"replacement\" must be ▁");
  auto scheme = in.text("prepend_scheme", in.flag("add_prefix_space", true) ? "always" : "never");
  if (scheme != "always" && scheme != "first" && scheme != "never")
    in.refuse(fmt::format("\"prepend_scheme\": {} is not known", scheme));
  auto prefix = scheme == "always"  ? cut_step::prefix::always
                : scheme == "first" ? cut_step::prefix::first
                                    : cut_step::prefix::never;
  out.cuts.push_back({.what = cut_step::kind::space_mark, .first = prefix, .where = in.where});
  if (in.flag("split", true))
    out.cuts.push_back({.what = cut_step::kind::text,
                        .sought = std::string{written_space},
                        .matches = cut_matches::merged_with_next,
                        .where = in.where});
}

void parse_byte_level(const json_node& in, tokenizer_parts& out) {
  in.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  if (out.spelled != spelling::byte_alphabet) in.refuse("ByteLevel needs a decoder that is ByteLevel too");
  if (in.flag("add_prefix_space", true))
    out.cuts.push_back({.what = cut_step::kind::prefix_space, .first = cut_step::prefix::always, .where = in.where});
  if (in.flag("use_regex", true)) out.cuts.push_back({.sought = known_patterns::gpt2, .where = in.where});
}

void add_pre_tokenizer(const json_node& in, tokenizer_parts& out, bool& bytes) {
  if (bytes) in.refuse("ByteLevel must be the last one");
  auto type = in.text("type");
  if (type == "Sequence") {
    in.only({"type", "pretokenizers"});
    for (const auto& step : in.list("pretokenizers")) add_pre_tokenizer({step, in.where}, out, bytes);
  } else if (type == "Split") {
    parse_split(in, out);
  } else if (type == "Digits") {
    parse_digits(in, out);
  } else if (type == "Punctuation") {
    parse_punctuation(in, out);
  } else if (type == "Metaspace") {
    parse_metaspace(in, out);
  } else if (type == "WhitespaceSplit") {
    parse_white_space_split(in, out);
  } else if (type == "ByteLevel") {
    parse_byte_level(in, out);
    bytes = true;
  } else {
    in.refuse(fmt::format(
        "{} is not supported; supported: Sequence, Split, Digits, Punctuation, Metaspace, WhitespaceSplit, ByteLevel",
        type));
  }
}

void parse_replace(const json_node& in, tokenizer_parts& out) {
  in.only({"type", "pattern", "content"});
  auto [from, regex] = parse_pattern(in);
  out.normalizers.push_back({.what = regex ? normalizer_step::kind::replace_pattern : normalizer_step::kind::replace,
                             .from = from,
                             .to = in.text("content"),
                             .where = in.where});
}

/// Base64. Nothing where the text is something else.
std::optional<std::string> bytes_of_base64(std::string_view text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    auto digit = digits.find(c);
    if (digit == digits.npos) return {};
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xff);
  }
  return bytes;
}

void parse_precompiled(const json_node& in, tokenizer_parts& out) {
  in.only({"type", "precompiled_charsmap"});
  auto table = bytes_of_base64(in.text("precompiled_charsmap"));
  if (!table) in.refuse("\"precompiled_charsmap\" is no base64");
  out.normalizers.push_back({.what = normalizer_step::kind::characters, .from = *std::move(table), .where = in.where});
}

}  // namespace

void parse_normalizer(const json_node& in, tokenizer_parts& out) {
  using kind = normalizer_step::kind;
  auto type = in.text("type");
  if (type == "Sequence") {
    in.only({"type", "normalizers"});
    for (const auto& step : in.list("normalizers")) parse_normalizer({step, in.where}, out);
    return;
  }
  if (type == "Replace") return parse_replace(in, out);
  if (type == "Precompiled") return parse_precompiled(in, out);
  if (type == "Prepend") {
    in.only({"type", "prepend"});
    out.normalizers.push_back({.what = kind::prepend, .to = one_of(in, "prepend"), .where = in.where});
    return;
  }
  if (type == "Strip") {
    in.only({"type", "strip_left", "strip_right"});
    out.normalizers.push_back({.what = kind::strip,
                               .left = in.flag("strip_left", true),
                               .right = in.flag("strip_right", true),
                               .where = in.where});
    return;
  }
  in.only({"type"});
  for (auto [name, what] : {std::pair{"NFC", kind::nfc},
                            {"NFD", kind::nfd},
                            {"NFKC", kind::nfkc},
                            {"NFKD", kind::nfkd},
                            {"Lowercase", kind::lowercase}})
    if (type == name) {
      out.normalizers.push_back({.what = what, .where = in.where});
      return;
    }
  in.refuse(fmt::format(
      "{} is not supported; supported: Sequence, NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip, Precompiled",
      type));
}

void parse_pre_tokenizer(const json_node& in, tokenizer_parts& out) {
  bool bytes = false;
  add_pre_tokenizer(in, out, bytes);
  if (!bytes && out.spelled == spelling::byte_alphabet)
    in.refuse("the decoder is ByteLevel, and there is no ByteLevel here");
}

void parse_decoder(const json_node& in, tokenizer_parts& out) {
  auto type = in.text("type");
  if (type == "Sequence") {
    in.only({"type", "decoders"});
    for (const auto& step : in.list("decoders")) parse_decoder({step, in.where}, out);
    return;
  }
  if (type == "ByteLevel") {
    out.spelled = spelling::byte_alphabet;
  } else if (type == "Metaspace" || type == "ByteFallback" || type == "Fuse") {
    out.spelled = spelling::space_mark;
  } else if (type == "Replace") {  // ▁ by a space
    in.only({"type", "pattern", "content"});
    auto [from, regex] = parse_pattern(in);
    if (regex || from != written_space || in.text("content") != " ")
      in.refuse("Replace is supported of ▁ by a space only");
    out.spelled = spelling::space_mark;
  } else if (type == "Strip") {  // the space that was put before the text
    in.only({"type", "content", "start", "stop"});
    if (in.text("content") != " " || in.number("start", 0, 1) > 1 || in.number("stop", 0, 0) != 0)
      in.refuse("Strip is supported of one space at the start only");
  } else {
    in.refuse(fmt::format(
        "{} is not supported; supported: Sequence, ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip", type));
  }
}

}  // namespace chromatin::model

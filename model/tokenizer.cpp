#include "model/tokenizer.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "model/added_tokens.hpp"
#include "model/config.hpp"
#include "model/load_error.hpp"
#include "model/sentencepiece_tokenizer.hpp"
#include "model/tokenizer_json.hpp"

namespace chromatin::model {

namespace {

std::shared_ptr<const tokenizer> open_sentencepiece(const std::filesystem::path& file, const folder_tokens& more,
                                                    std::uint32_t vocabulary) {
  auto words = std::make_shared<const sentencepiece_tokenizer>(file, more, vocabulary);
  if (words->size() <= vocabulary) return words;
  throw load_error(
      fmt::format("{}: has {} pieces, and the model a vocabulary of {}", file.string(), words->size(), vocabulary));
}

}  // namespace

std::shared_ptr<const tokenizer> tokenizer::open(const std::filesystem::path& folder, std::uint32_t vocabulary) {
  auto pairs = folder / "tokenizer.json", sentencepiece = folder / "tokenizer.model";
  auto more = read_folder_tokens(folder);
  if (std::filesystem::exists(pairs)) {
    bool has_original = std::filesystem::exists(sentencepiece);
    auto parts = parse_tokenizer_json(read_file(pairs), pairs.string(), has_original);
    merge_added(more.added, parts.added);
    parts.ids = vocabulary;
    if (!parts.unigram || !has_original) return build_tokenizer(std::move(parts));
    return open_sentencepiece(sentencepiece, {parts.added, more.legacy}, vocabulary);
  }
  if (std::filesystem::exists(sentencepiece)) return open_sentencepiece(sentencepiece, more, vocabulary);
  throw load_error(fmt::format("{}: neither tokenizer.json nor tokenizer.model is there", folder.string()));
}

kv::token_id tokenizer::control(std::string_view piece) const {
  if (auto id = find_control(piece)) return *id;
  throw load_error(fmt::format("the tokenizer has no piece {}", piece));
}

namespace {

/// `<table>` or `</td>`: markup that some vocabularies have tokens for. `<s>`, which begins many a text, is none.
bool is_markup(std::string_view piece) {
  constexpr std::array names{"a",   "b",     "blockquote", "br", "caption", "code", "dd",    "del",    "div",    "dl",
                             "dt",  "em",    "h1",         "h2", "h3",      "h4",   "h5",    "h6",     "hr",     "i",
                             "img", "ins",   "li",         "ol", "p",       "pre",  "span",  "strike", "strong", "sub",
                             "sup", "table", "tbody",      "td", "tfoot",   "th",   "thead", "tr",     "u",      "ul"};
  if (!piece.starts_with('<') || !piece.ends_with('>') || piece.size() < 3) return false;
  piece = piece.substr(1, piece.size() - 2);
  if (piece.starts_with('/')) piece.remove_prefix(1);
  return std::find(names.begin(), names.end(), piece) != names.end();
}

}  // namespace

bool looks_like_control(std::string_view piece) {
  return piece.size() >= 3 && !is_markup(piece) &&
         ((piece.front() == '<' && piece.back() == '>') || (piece.front() == '[' && piece.back() == ']'));
}

}  // namespace chromatin::model

#include "model/tokenizer.hpp"

#include <fmt/format.h>

#include "model/added_tokens.hpp"
#include "model/config.hpp"
#include "model/load_error.hpp"
#include "model/sentencepiece_tokenizer.hpp"
#include "model/tokenizer_json.hpp"

namespace chromatin::model {

std::shared_ptr<const tokenizer> tokenizer::open(const std::filesystem::path& folder, std::uint32_t vocabulary) {
  auto pairs = folder / "tokenizer.json", sentencepiece = folder / "tokenizer.model";
  if (std::filesystem::exists(pairs)) {
    auto parts = parse_tokenizer_json(read_file(pairs), pairs.string());
    merge_added(read_folder_tokens(folder).added, parts.added);
    parts.ids = vocabulary;
    return build_tokenizer(std::move(parts));
  }
  if (std::filesystem::exists(sentencepiece)) {
    auto words = std::make_shared<const sentencepiece_tokenizer>(sentencepiece, read_folder_tokens(folder), vocabulary);
    if (words->size() <= vocabulary) return words;
    throw load_error(fmt::format("{}: has {} pieces, and the model a vocabulary of {}", sentencepiece.string(),
                                 words->size(), vocabulary));
  }
  throw load_error(fmt::format("{}: neither tokenizer.json nor tokenizer.model is there", folder.string()));
}

kv::token_id tokenizer::control(std::string_view piece) const {
  if (auto id = find_control(piece)) return *id;
  throw load_error(fmt::format("the tokenizer has no piece {}", piece));
}

bool looks_like_control(std::string_view piece) {
  return piece.size() >= 3 &&
         ((piece.front() == '<' && piece.back() == '>') || (piece.front() == '[' && piece.back() == ']'));
}

}  // namespace chromatin::model

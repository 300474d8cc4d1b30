#include "model/tokenizer.hpp"

#include <fmt/format.h>

#include "model/byte_level_tokenizer.hpp"
#include "model/load_error.hpp"
#include "model/sentencepiece_tokenizer.hpp"

namespace chromatin::model {

std::shared_ptr<const tokenizer> tokenizer::open(const std::filesystem::path& folder) {
  auto sentencepiece = folder / "tokenizer.model", byte_level = folder / "tokenizer.json";
  if (std::filesystem::exists(sentencepiece)) return std::make_shared<const sentencepiece_tokenizer>(sentencepiece);
  if (std::filesystem::exists(byte_level)) return std::make_shared<const byte_level_tokenizer>(byte_level);
  throw load_error(fmt::format("{}: neither tokenizer.model nor tokenizer.json is there", folder.string()));
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

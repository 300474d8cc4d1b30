#include "model/sentencepiece_tokenizer.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include "model/config.hpp"
#include "model/load_error.hpp"
#include "model/tokenizer_parts.hpp"

namespace chromatin::model {
namespace {}  // namespace

struct sentencepiece_tokenizer::implementation {
  sentencepiece::SentencePieceProcessor processor;
  std::vector<std::string>
      forgeable;  ///< pieces that look like control text and that the library would find inside plain text

  std::vector<kv::token_id> encode(std::string_view text) const {
    std::vector<int> ids;
    if (auto status = processor.Encode({text.data(), text.size()}, &ids); !status.ok())
      throw std::runtime_error("tokenizer: " + status.ToString());
    return {ids.begin(), ids.end()};
  }

  /// Without the space that is put before a text.
  std::vector<kv::token_id> encode_inside(std::string_view text) const {
    auto before = encode("\n"), all = encode(fmt::format("\n{}", text));
    if (before.size() > all.size() || !std::equal(before.begin(), before.end(), all.begin())) return encode(text);
    all.erase(all.begin(), all.begin() + std::ssize(before));
    return all;
  }
};

sentencepiece_tokenizer::sentencepiece_tokenizer(const std::filesystem::path& file, const folder_tokens& more,
                                                 std::uint32_t vocabulary)
    : implementation_{std::make_unique<implementation>()}, legacy_{more.legacy} {
  auto content = read_file(file);
  hash_ = kv::hash(std::as_bytes(std::span{content}));
  auto& processor = implementation_->processor;
  if (auto status = processor.LoadFromSerializedProto(content); !status.ok() || processor.GetPieceSize() == 0)
    throw load_error(fmt::format("{}: not a SentencePiece model", file.string()));
  size_ = static_cast<std::uint32_t>(processor.GetPieceSize());
  for (int id = 0; id < processor.GetPieceSize(); ++id) {
    const auto& piece = processor.IdToPiece(id);
    if (!looks_like_control(piece) || processor.IsByte(id)) continue;
    auto found = implementation_->encode(piece);
    if (std::find(found.begin(), found.end(), static_cast<kv::token_id>(id)) != found.end())
      implementation_->forgeable.push_back(piece);
  }
  auto probe = implementation_->encode("a");
  adds_leading_space_ = !probe.empty() && processor.IdToPiece(static_cast<int>(probe[0])).starts_with(written_space);
  add(more, vocabulary, file.string());
}

sentencepiece_tokenizer::~sentencepiece_tokenizer() = default;

void sentencepiece_tokenizer::add(const folder_tokens& more, std::uint32_t vocabulary, const std::string& where) {
  const auto& processor = implementation_->processor;
  auto pieces = size_;
  for (const auto& token : more.added) {
    if (token.id >= vocabulary) {
      left_out_.push_back(token.content);
      continue;
    }
    bool piece = token.id < pieces;
    if (piece ? processor.IdToPiece(static_cast<int>(token.id)) != token.content
              : !beyond_.emplace(token.id, token.content).second)
      throw load_error(
          fmt::format("{}: the added token {} has the id {} of another one", where, token.content, token.id));
    added_.emplace(token.content, token);
    if (!token.special && !looks_like_control(token.content)) fixed_.add(token.content, token);
    size_ = std::max(size_, token.id + 1);
  }
}

std::vector<kv::token_id> sentencepiece_tokenizer::encode(std::string_view text, text_place place) const {
  std::vector<kv::token_id> ids;
  for (const auto& [at, token] : fixed_.find(text)) {
    if (token) {
      ids.push_back(*token);
      continue;
    }
    auto plain =
        encode_plain(text.substr(at.begin, at.end - at.begin), at.begin == 0 ? place : text_place::behind_token);
    ids.insert(ids.end(), plain.begin(), plain.end());
  }
  return ids;
}

std::vector<kv::token_id> sentencepiece_tokenizer::encode_plain(std::string_view text, text_place place) const {
  std::vector<kv::token_id> ids;
  bool prefixed = place == text_place::start || (place == text_place::behind_token && legacy_);
  while (!text.empty()) {
    auto cut = text.size();  // in the middle of the first forgeable piece, so that it is read as plain characters
    for (const auto& piece : implementation_->forgeable)
      if (auto at = text.find(piece); at != std::string_view::npos) cut = std::min(cut, at + 1);
    auto part = prefixed || !adds_leading_space_ ? implementation_->encode(text.substr(0, cut))
                                                 : implementation_->encode_inside(text.substr(0, cut));
    ids.insert(ids.end(), part.begin(), part.end());
    text.remove_prefix(cut);
    prefixed = false;
  }
  return ids;
}

std::vector<std::string> sentencepiece_tokenizer::controls() const {
  auto all = implementation_->forgeable;
  const auto& processor = implementation_->processor;
  for (int id = 0; id < processor.GetPieceSize(); ++id)
    if (processor.IsControl(id) && !processor.IdToPiece(id).empty()) all.push_back(processor.IdToPiece(id));
  for (const auto& [content, token] : added_)
    if (token.special || looks_like_control(content)) all.push_back(content);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::optional<kv::token_id> sentencepiece_tokenizer::find_control(std::string_view piece) const {
  if (auto found = added_.find(std::string{piece}); found != added_.end()) return found->second.id;
  const auto& processor = implementation_->processor;
  auto id = processor.PieceToId({piece.data(), piece.size()});
  if (id < 0 || processor.IsUnknown(id)) return std::nullopt;
  return static_cast<kv::token_id>(id);
}

token_margins sentencepiece_tokenizer::margins(kv::token_id token) const {
  for (const auto& [content, one] : added_)
    if (one.id == token) return {one.strips_left, one.strips_right};
  return {};
}

std::string sentencepiece_tokenizer::bytes(kv::token_id token) const {
  const auto& processor = implementation_->processor;
  if (auto found = beyond_.find(token); found != beyond_.end())
    return added_.at(found->second).special ? std::string{} : found->second;
  auto id = static_cast<int>(token);
  if (token >= static_cast<std::uint32_t>(processor.GetPieceSize()) || processor.IsControl(id)) return {};
  const auto& piece = processor.IdToPiece(id);
  if (processor.IsByte(id)) {  // "<0x0A>"
    unsigned value = 0;
    std::from_chars(piece.data() + 3, piece.data() + 5, value, 16);
    return std::string(1, static_cast<char>(value));
  }
  std::string text = piece;
  for (auto at = text.find(written_space); at != std::string::npos; at = text.find(written_space, at + 1))
    text.replace(at, written_space.size(), " ");
  return text;
}

}  // namespace chromatin::model

#include "model/sentencepiece_tokenizer.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include "model/config.hpp"
#include "model/load_error.hpp"

namespace chromatin::model {
namespace {

constexpr std::string_view space_mark = "\xE2\x96\x81";  // ▁

}  // namespace

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
};

sentencepiece_tokenizer::sentencepiece_tokenizer(const std::filesystem::path& file)
    : implementation_{std::make_unique<implementation>()} {
  auto content = read_file(file);
  hash_ = kv::hash(std::as_bytes(std::span{content}));
  auto& processor = implementation_->processor;
  if (auto status = processor.LoadFromSerializedProto(content); !status.ok() || processor.GetPieceSize() == 0)
    throw load_error(fmt::format(
        "{}: not a SentencePiece model; if there is a tokenizer.json, it is used without this file", file.string()));
  for (int id = 0; id < processor.GetPieceSize(); ++id) {
    const auto& piece = processor.IdToPiece(id);
    if (!looks_like_control(piece) || processor.IsByte(id)) continue;
    auto found = implementation_->encode(piece);
    if (std::find(found.begin(), found.end(), static_cast<kv::token_id>(id)) != found.end())
      implementation_->forgeable.push_back(piece);
  }
  auto probe = implementation_->encode("a");
  adds_leading_space_ = !probe.empty() && processor.IdToPiece(static_cast<int>(probe[0])).starts_with(space_mark);
}

sentencepiece_tokenizer::~sentencepiece_tokenizer() = default;

std::uint32_t sentencepiece_tokenizer::size() const {
  return static_cast<std::uint32_t>(implementation_->processor.GetPieceSize());
}

std::vector<kv::token_id> sentencepiece_tokenizer::encode(std::string_view text) const {
  std::vector<kv::token_id> ids;
  while (!text.empty()) {
    auto cut = text.size();  // in the middle of the first forgeable piece, so that it is read as plain characters
    for (const auto& piece : implementation_->forgeable)
      if (auto at = text.find(piece); at != std::string_view::npos) cut = std::min(cut, at + 1);
    auto part = implementation_->encode(text.substr(0, cut));
    ids.insert(ids.end(), part.begin(), part.end());
    text.remove_prefix(cut);
  }
  return ids;
}

std::vector<std::string> sentencepiece_tokenizer::controls() const {
  auto all = implementation_->forgeable;
  const auto& processor = implementation_->processor;
  for (int id = 0; id < processor.GetPieceSize(); ++id)
    if (processor.IsControl(id) && !processor.IdToPiece(id).empty()) all.push_back(processor.IdToPiece(id));
  return all;
}

std::optional<kv::token_id> sentencepiece_tokenizer::find_control(std::string_view piece) const {
  const auto& processor = implementation_->processor;
  auto id = processor.PieceToId({piece.data(), piece.size()});
  if (id < 0 || processor.IsUnknown(id)) return std::nullopt;
  return static_cast<kv::token_id>(id);
}

std::string sentencepiece_tokenizer::bytes(kv::token_id token) const {
  const auto& processor = implementation_->processor;
  if (token >= size()) return {};
  auto id = static_cast<int>(token);
  if (processor.IsControl(id)) return {};
  const auto& piece = processor.IdToPiece(id);
  if (processor.IsByte(id)) {  // "<0x0A>"
    unsigned value = 0;
    std::from_chars(piece.data() + 3, piece.data() + 5, value, 16);
    return std::string(1, static_cast<char>(value));
  }
  std::string text = piece;
  for (auto at = text.find(space_mark); at != std::string::npos; at = text.find(space_mark, at + 1))
    text.replace(at, space_mark.size(), " ");
  return text;
}

}  // namespace chromatin::model

// Stands for the libraries that read texts where the project is built without them (preset gpu-only). Tokenizers know
// their pieces, so that checkpoints open and templates find their control tokens; any other text is no token at all.

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "model/config.hpp"
#include "model/load_error.hpp"
#include "model/normal_forms.hpp"
#include "model/sentencepiece_tokenizer.hpp"
#include "model/split_pattern.hpp"
#include "model/tokenizer_parts.hpp"

namespace chromatin::model {
namespace {

/// A protobuf message, field by field. Reads no further than its end.
class message {
 public:
  explicit message(std::string_view bytes) : rest_{bytes} {}

  bool next() {
    if (rest_.empty()) return false;
    auto key = number();
    field = key >> 3;
    text = {};
    switch (key & 7) {
      case 0:
        value = number();
        break;
      case 1:
        take(8);
        break;
      case 2:
        text = take(number());
        break;
      case 5:
        take(4);
        break;
      default:
        throw load_error("not a protobuf message");
    }
    return true;
  }

  std::uint64_t field = 0, value = 0;
  std::string_view text;

 private:
  std::string_view take(std::uint64_t bytes) {
    if (bytes > rest_.size()) throw load_error("a protobuf message is cut short");
    auto taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  std::uint64_t number() {
    std::uint64_t all = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      auto byte = static_cast<unsigned char>(take(1)[0]);
      all |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) break;
    }
    return all;
  }

  std::string_view rest_;
};

}  // namespace

struct sentencepiece_tokenizer::implementation {
  std::map<std::string, kv::token_id, std::less<>> pieces;
  std::set<std::string> controls;
};

sentencepiece_tokenizer::sentencepiece_tokenizer(const std::filesystem::path& file, const folder_tokens& more,
                                                 std::uint32_t vocabulary)
    : implementation_{std::make_unique<implementation>()} {
  constexpr std::uint64_t piece_field = 1, text_field = 1, type_field = 3, control_type = 3, byte_type = 6;
  auto content = read_file(file);
  hash_ = kv::hash(std::as_bytes(std::span{content}));
  for (message model{content}; model.next();) {
    if (model.field != piece_field) continue;
    std::string text;
    std::uint64_t type = 0;
    for (message piece{model.text}; piece.next();) {
      if (piece.field == text_field) text = piece.text;
      if (piece.field == type_field) type = piece.value;
    }
    implementation_->pieces.emplace(text, size_);
    if (type == control_type || (type != byte_type && looks_like_control(text))) implementation_->controls.insert(text);
    ++size_;
  }
  if (size_ == 0) throw load_error(fmt::format("{}: not a SentencePiece model", file.string()));
  for (const auto& token : more.added) {
    if (token.id >= vocabulary) continue;
    implementation_->pieces.insert_or_assign(token.content, token.id);
    if (token.special || looks_like_control(token.content)) implementation_->controls.insert(token.content);
    size_ = std::max(size_, token.id + 1);
  }
}

sentencepiece_tokenizer::~sentencepiece_tokenizer() = default;

std::vector<std::string> sentencepiece_tokenizer::controls() const {
  return {implementation_->controls.begin(), implementation_->controls.end()};
}

std::optional<kv::token_id> sentencepiece_tokenizer::find_control(std::string_view piece) const {
  auto found = implementation_->pieces.find(piece);
  if (found == implementation_->pieces.end()) return std::nullopt;
  return found->second;
}

token_margins sentencepiece_tokenizer::margins(kv::token_id) const { return {}; }

std::vector<kv::token_id> sentencepiece_tokenizer::encode(std::string_view, text_place) const { return {}; }

std::string sentencepiece_tokenizer::bytes(kv::token_id) const { return {}; }

struct split_pattern::implementation {};

split_pattern::split_pattern(std::string_view, const std::string&) {}
split_pattern::~split_pattern() = default;
split_pattern::split_pattern(split_pattern&&) noexcept = default;

std::vector<text_range> split_pattern::find(std::string_view) const { return {}; }

std::string normalized(std::string_view text, normal_form) { return std::string{text}; }

std::string lowercased(std::string_view text) { return std::string{text}; }

bool is_word_character(char32_t) { return false; }

}  // namespace chromatin::model

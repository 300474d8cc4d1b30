#include "model/bpe_tokenizer.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "model/byte_alphabet.hpp"
#include "model/load_error.hpp"
#include "model/utf8.hpp"

namespace chromatin::model {
namespace {

/// What a piece with ▁ for a space stands for.
std::string with_spaces(std::string text) {
  for (auto at = text.find(written_space); at != std::string::npos; at = text.find(written_space, at + 1))
    text.replace(at, written_space.size(), " ");
  return text;
}

/// How a user-defined piece stands in normalised texts: converters write its spaces in either way.
std::string with_marks(const std::string& text) {
  std::string result;
  for (char c : text) result += c == ' ' ? std::string{written_space} : std::string(1, c);
  return result;
}

/// The byte that a piece such as `<0x0A>` stands for.
std::optional<char> named_byte(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return std::nullopt;
  int value = 0;
  for (char c : piece.substr(3, 2)) {
    auto digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + digit;
  }
  return static_cast<char>(value);
}

}  // namespace

bpe_tokenizer::bpe_tokenizer(tokenizer_parts parts)
    : over_bytes_{parts.spelled == tokenizer_parts::spelling::byte_alphabet},
      unknown_{parts.unknown},
      fuse_unknown_{parts.fuse_unknown},
      normalizer_{parts.normalizers},
      cuts_{parts.cuts},
      hash_{parts.hash} {
  ids_by_text ids;
  read_vocabulary(parts, ids);
  read_added(parts, ids);
  over_bytes_ ? read_bytes(parts, ids) : read_characters(parts);
  if (parts.unigram)
    read_likelihoods(parts);
  else
    parts.merges_by_score ? read_scores(parts, ids) : read_merges(parts, ids);
  if (parts.ignore_merges)
    for (const auto& piece : parts.vocabulary)
      if (!no_text_becomes(piece.id) && (!over_bytes_ || from_byte_alphabet(piece.text)))
        whole_.emplace(over_bytes_ ? pieces_[piece.id] : piece.text, piece.id);
}

void bpe_tokenizer::read_vocabulary(const tokenizer_parts& parts, ids_by_text& ids) {
  if (parts.vocabulary.empty())
    throw load_error(fmt::format("{}: {}: has no tokens", parts.where, parts.vocabulary_key));
  ids.reserve(parts.vocabulary.size());
  kv::token_id last = 0;
  for (const auto& piece : parts.vocabulary) last = std::max(last, piece.id);
  if (last >= parts.ids)
    throw load_error(fmt::format("{}: {}: has the id {}, and the model a vocabulary of {}", parts.where,
                                 parts.vocabulary_key, last, parts.ids));
  for (const auto& token : parts.added)
    if (token.id < parts.ids) last = std::max(last, token.id);
  pieces_.resize(last + 1);
  control_.resize(last + 1);
  std::vector<bool> taken(last + 1);
  for (const auto& piece : parts.vocabulary) {
    if (taken[piece.id])
      throw load_error(fmt::format("{}: {}: two tokens have the id {}", parts.where, parts.vocabulary_key, piece.id));
    taken[piece.id] = true;
    ids.emplace(piece.text, piece.id);
    auto& bytes = pieces_[piece.id];
    if (piece.kind == piece_kind::control || piece.kind == piece_kind::unknown || piece.kind == piece_kind::unused)
      control_[piece.id] = true;
    else if (auto byte = named_byte(piece.text); byte && piece.kind == piece_kind::byte)
      bytes = std::string(1, *byte);
    else if (over_bytes_)
      bytes = piece.kind == piece_kind::user_defined ? piece.text : from_byte_alphabet(piece.text).value_or(piece.text);
    else
      bytes = with_spaces(piece.text);
  }
}

void bpe_tokenizer::read_added(const tokenizer_parts& parts, const ids_by_text& ids) {
  auto add = [&](const added_token& token, const std::string& normal) {
    added_.emplace(token.content, token);
    if (token.special || looks_like_control(token.content)) control_[token.id] = true;
    if (!no_text_becomes(token.id)) (token.normalized ? fixed_normalized_ : fixed_).add(normal, token);
  };
  std::vector<bool> taken(pieces_.size());
  for (const auto& piece : parts.vocabulary) taken[piece.id] = true;
  for (const auto& token : parts.added) {
    if (token.id >= parts.ids) {
      left_out_.push_back(token.content);
      continue;
    }
    auto same = ids.find(token.content);
    bool in_vocabulary = same != ids.end();
    if (in_vocabulary ? same->second != token.id : taken[token.id])
      throw load_error(
          fmt::format("{}: added_tokens: {} has the id {} of another token", parts.where, token.content, token.id));
    taken[token.id] = true;
    if (token.special || !in_vocabulary) pieces_[token.id] = token.special ? "" : token.content;
    add(token, token.normalized ? normalizer_(token.content, true) : token.content);
  }
  for (const auto& piece : parts.vocabulary) {
    bool special = piece.kind == piece_kind::control || piece.kind == piece_kind::unknown;
    if (!piece.text.empty() && (special || piece.kind == piece_kind::user_defined))
      add({piece.text, piece.id, special, parts.merges_by_score},
          parts.merges_by_score ? with_marks(piece.text) : piece.text);
  }
}

void bpe_tokenizer::read_bytes(const tokenizer_parts& parts, const ids_by_text& ids) {
  auto find = [&](char byte) -> std::optional<kv::token_id> {
    auto found = ids.find(to_byte_alphabet({&byte, 1}));
    if (found == ids.end() || no_text_becomes(found->second)) return std::nullopt;
    return found->second;
  };
  std::vector<kv::token_id> unknown;
  for (char byte : replacement_character)
    if (auto id = find(byte)) unknown.push_back(*id);
  for (int byte = 0; byte < 256; ++byte) {
    auto& spelled = bytes_[static_cast<std::size_t>(byte)];
    if (auto id = find(static_cast<char>(byte)))
      spelled = {*id};
    else if (unknown.size() == replacement_character.size())
      spelled = unknown;
    else
      throw load_error(
          fmt::format("{}: {}: has no token for the byte 0x{:02X}", parts.where, parts.vocabulary_key, byte));
  }
}

void bpe_tokenizer::read_characters(const tokenizer_parts& parts) {
  for (const auto& piece : parts.vocabulary) {
    if (no_text_becomes(piece.id)) continue;
    auto byte = named_byte(piece.text);
    if (byte && piece.kind == piece_kind::byte)
      bytes_[static_cast<unsigned char>(*byte)] = {piece.id};
    else if (auto character = code_point(piece.text); character != no_character)
      characters_.emplace(character, piece.id);
  }
  // Bytes of a character stand for it only where all of them are there.
  bool all = std::none_of(bytes_.begin(), bytes_.end(), [](const auto& b) { return b.empty(); });
  if (!all && !unknown_)
    throw load_error(fmt::format("{}: {}: has neither a token for each byte nor one for unknown characters",
                                 parts.where, parts.vocabulary_key));
}

void bpe_tokenizer::read_merges(const tokenizer_parts& parts, const ids_by_text& ids) {
  auto find = [&](const std::string& piece) {
    auto found = ids.find(piece);
    if (found == ids.end())
      throw load_error(fmt::format("{}: {}: {} is not in the vocabulary", parts.where, parts.merges_key, piece));
    return found->second;
  };
  pairs_.reserve(parts.merges.size());
  std::uint32_t rank = 0;
  for (const auto& [left, right] : parts.merges) {
    auto result = find(left + right);
    if (no_text_becomes(result)) continue;
    if (!pairs_.add(find(left), find(right), result, rank++))
      throw load_error(fmt::format("{}: {}: {} {} is there twice", parts.where, parts.merges_key, left, right));
  }
}

void bpe_tokenizer::read_scores(const tokenizer_parts& parts, const ids_by_text& ids) {
  std::vector<double> scores;
  for (const auto& piece : parts.vocabulary) scores.push_back(piece.score);
  std::sort(scores.begin(), scores.end(), std::greater<>{});
  scores.erase(std::unique(scores.begin(), scores.end()), scores.end());
  for (const auto& piece : parts.vocabulary) {
    if (no_text_becomes(piece.id) || piece.kind == piece_kind::byte) continue;
    auto rank = std::lower_bound(scores.begin(), scores.end(), piece.score, std::greater<>{}) - scores.begin();
    std::string_view text = piece.text;
    for (auto at = text.empty() ? 0 : first_character(text).size(); at < text.size();
         at += first_character(text.substr(at)).size()) {
      auto left = ids.find(std::string{text.substr(0, at)}), right = ids.find(std::string{text.substr(at)});
      if (left != ids.end() && right != ids.end())
        pairs_.add(left->second, right->second, piece.id, static_cast<std::uint32_t>(rank));
    }
  }
}

void bpe_tokenizer::read_likelihoods(const tokenizer_parts& parts) {
  constexpr double unknown_penalty = 10;  // below the least likely piece
  double least = 0;
  likeliest_.emplace();
  for (const auto& piece : parts.vocabulary) {
    least = std::min(least, piece.score);
    if (!no_text_becomes(piece.id) && piece.kind != piece_kind::byte)
      likeliest_->add(piece.text, piece.id, piece.score);
  }
  likeliest_->finish(least - unknown_penalty);
}

std::vector<std::string> bpe_tokenizer::controls() const {
  std::vector<std::string> all;
  for (const auto& [content, token] : added_)
    if (no_text_becomes(token.id)) all.push_back(content);
  return all;
}

std::optional<kv::token_id> bpe_tokenizer::find_control(std::string_view piece) const {
  auto found = added_.find(std::string{piece});
  if (found == added_.end()) return std::nullopt;
  return found->second.id;
}

token_margins bpe_tokenizer::margins(kv::token_id token) const {
  for (const auto& [content, one] : added_)
    if (one.id == token) return {one.strips_left, one.strips_right};
  return {};
}

std::vector<kv::token_id> bpe_tokenizer::encode(std::string_view text, text_place place) const {
  std::vector<kv::token_id> ids;
  for (const auto& [at, token] : fixed_.find(text)) {
    auto here = at.begin == 0 ? place : text_place::behind_token;
    if (token) {
      ids.push_back(*token);
      continue;
    }
    auto plain = text.substr(at.begin, at.end - at.begin);
    std::string normal;
    if (normalizer_.changes()) plain = normal = normalizer_(plain, here != text_place::inside);
    for (const auto& [within, one] : fixed_normalized_.find(plain)) {
      if (one)
        ids.push_back(*one);
      else
        encode_normalized(plain.substr(within.begin, within.end - within.begin),
                          within.begin == 0 ? here : text_place::behind_token, ids);
    }
  }
  return ids;
}

void bpe_tokenizer::encode_normalized(std::string_view text, text_place place, std::vector<kv::token_id>& ids) const {
  std::deque<std::string> made;
  for (auto part : cuts_(text, place, made)) encode_part(part, ids);
}

void bpe_tokenizer::encode_part(std::string_view part, std::vector<kv::token_id>& ids) const {
  if (!whole_.empty())
    if (auto found = whole_.find(std::string{part}); found != whole_.end()) {
      ids.push_back(found->second);
      return;
    }
  auto tokens = likeliest_ ? likeliest(part) : spelled(part);
  pairs_.merge(tokens);
  ids.insert(ids.end(), tokens.begin(), tokens.end());
}

std::vector<kv::token_id> bpe_tokenizer::spelled(std::string_view part) const {
  std::vector<kv::token_id> tokens;
  tokens.reserve(part.size());
  auto add_bytes = [&](std::string_view of) {
    for (char byte : of) {
      const auto& spelled = bytes_[static_cast<unsigned char>(byte)];
      tokens.insert(tokens.end(), spelled.begin(), spelled.end());
    }
  };
  if (over_bytes_) {
    add_bytes(part);
    return tokens;
  }
  bool was_unknown = false;
  for (; !part.empty(); part.remove_prefix(first_character(part).size())) {
    auto here = first_character(part);
    auto found = characters_.find(code_point(here));
    bool known = found != characters_.end();
    bool has_bytes =
        std::all_of(here.begin(), here.end(), [&](char c) { return !bytes_[static_cast<unsigned char>(c)].empty(); });
    if (known)
      tokens.push_back(found->second);
    else if (has_bytes)
      add_bytes(here);
    else if (!was_unknown || !fuse_unknown_)
      tokens.push_back(*unknown_);
    was_unknown = !known && !has_bytes;
  }
  return tokens;
}

std::vector<kv::token_id> bpe_tokenizer::likeliest(std::string_view part) const {
  std::vector<kv::token_id> tokens;
  bool was_unknown = false;
  for (const auto& [text, token] : likeliest_->cut(part)) {
    // Of a character that is no piece: its bytes, or what stands for several of them in a row.
    auto spelt = token ? std::vector<kv::token_id>{*token} : spelled(text);
    bool unknown = unknown_ && spelt == std::vector{*unknown_};
    if (!unknown || !was_unknown) tokens.insert(tokens.end(), spelt.begin(), spelt.end());
    was_unknown = unknown;
  }
  return tokens;
}

std::shared_ptr<const tokenizer> build_tokenizer(tokenizer_parts parts) {
  return std::make_shared<const bpe_tokenizer>(std::move(parts));
}

}  // namespace chromatin::model

#include "model/byte_level_tokenizer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/byte_alphabet.hpp"
#include "model/config.hpp"
#include "model/load_error.hpp"
#include "model/utf8.hpp"

namespace chromatin::model {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

/// Gives `plain` what lies between texts of `fixed`, and `token` the tokens of those: the leftmost first, and of
/// several there the longest.
template <class Plain, class Token>
void find_fixed(std::string_view text, const std::vector<std::pair<std::string, kv::token_id>>& fixed, Plain plain,
                Token token) {
  std::array<bool, 256> starts{};
  for (const auto& [content, id] : fixed) starts[static_cast<unsigned char>(content[0])] = true;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size() && !fixed.empty();) {
    auto found = fixed.end();
    if (starts[static_cast<unsigned char>(text[at])])
      found =
          std::find_if(fixed.begin(), fixed.end(), [&](const auto& f) { return text.substr(at).starts_with(f.first); });
    if (found == fixed.end()) {
      ++at;
      continue;
    }
    if (at > done) plain(text.substr(done, at - done));
    token(found->second);
    done = at += found->first.size();
  }
  if (done < text.size()) plain(text.substr(done));
}

}  // namespace

byte_level_tokenizer::byte_level_tokenizer(const std::filesystem::path& path) {
  auto content = read_file(path);
  auto where = path.string();
  hash_ = kv::hash(std::as_bytes(std::span{content}));
  auto file = parse_tokenizer_json(content, where);
  compose_ = file.compose;
  add_prefix_space_ = file.add_prefix_space;

  ids_by_text ids;
  ids.reserve(file.vocabulary.size());
  kv::token_id last = 0;
  for (const auto& [written, id] : file.vocabulary) last = std::max(last, id);
  for (const auto& token : file.added) last = std::max(last, token.id);
  pieces_.resize(last + 1);
  control_.resize(last + 1);
  std::vector<bool> taken(last + 1);
  for (const auto& [written, id] : file.vocabulary) {
    if (taken[id]) throw load_error(fmt::format("{}: model: vocab: two tokens have the id {}", where, id));
    taken[id] = true;
    ids.emplace(written, id);
    pieces_[id] = from_byte_alphabet(written).value_or(written);
  }
  read_added(file, ids, where);
  read_bytes(ids, where);
  read_merges(file, ids, where);
  if (file.ignore_merges)
    for (const auto& [written, id] : file.vocabulary)
      if (!is_control(id) && from_byte_alphabet(written)) whole_.emplace(pieces_[id], id);
  for (const auto& rule : file.splits) cuts_.emplace_back(split_pattern{rule.pattern, rule.where}, rule.keep_rest);
}

void byte_level_tokenizer::read_added(const tokenizer_json& file, const ids_by_text& ids, const std::string& where) {
  for (const auto& token : file.added) {
    auto same = ids.find(token.content);
    bool in_vocabulary = same != ids.end();
    if (in_vocabulary ? same->second != token.id : !pieces_[token.id].empty())
      throw load_error(
          fmt::format("{}: added_tokens: {} has the id {} of another token", where, token.content, token.id));
    added_.emplace(token.content, token.id);
    control_[token.id] = token.special || looks_like_control(token.content);
    if (token.special || !in_vocabulary) pieces_[token.id] = token.special ? "" : token.content;
    if (!is_control(token.id)) (token.normalized ? fixed_normalized_ : fixed_).emplace_back(token.content, token.id);
  }
  for (auto* fixed : {&fixed_, &fixed_normalized_})
    std::stable_sort(fixed->begin(), fixed->end(),
                     [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
}

void byte_level_tokenizer::read_bytes(const ids_by_text& ids, const std::string& where) {
  auto find = [&](char byte) -> std::optional<kv::token_id> {
    auto found = ids.find(to_byte_alphabet({&byte, 1}));
    if (found == ids.end() || is_control(found->second)) return std::nullopt;
    return found->second;
  };
  std::vector<kv::token_id> unknown;
  for (char byte : replacement)
    if (auto id = find(byte)) unknown.push_back(*id);
  for (int byte = 0; byte < 256; ++byte) {
    auto& spelled = bytes_[static_cast<std::size_t>(byte)];
    if (auto id = find(static_cast<char>(byte)))
      spelled = {*id};
    else if (unknown.size() == replacement.size())
      spelled = unknown;
    else
      throw load_error(fmt::format("{}: model: vocab: has no token for the byte 0x{:02X}", where, byte));
  }
}

void byte_level_tokenizer::read_merges(const tokenizer_json& file, const ids_by_text& ids, const std::string& where) {
  auto find = [&](const std::string& piece) {
    auto found = ids.find(piece);
    if (found == ids.end())
      throw load_error(fmt::format("{}: model: merges: {} is not in the vocabulary", where, piece));
    return found->second;
  };
  pairs_.reserve(file.merges.size());
  for (const auto& [left, right] : file.merges) {
    auto result = find(left + right);
    if (is_control(result)) continue;  // no text becomes a control token
    if (!pairs_.add(find(left), find(right), result))
      throw load_error(fmt::format("{}: model: merges: {} {} is there twice", where, left, right));
  }
}

std::vector<std::string> byte_level_tokenizer::controls() const {
  std::vector<std::string> all;
  for (const auto& [content, id] : added_)
    if (is_control(id)) all.push_back(content);
  return all;
}

std::optional<kv::token_id> byte_level_tokenizer::find_control(std::string_view piece) const {
  auto found = added_.find(std::string{piece});
  if (found == added_.end()) return std::nullopt;
  return found->second;
}

std::vector<kv::token_id> byte_level_tokenizer::encode(std::string_view text) const {
  std::vector<kv::token_id> ids;
  auto add = [&](kv::token_id id) { ids.push_back(id); };
  find_fixed(
      text, fixed_,
      [&](std::string_view plain) {
        auto normalized = compose_ ? compose(plain) : std::string{plain};
        find_fixed(
            normalized, fixed_normalized_, [&](std::string_view part) { encode_normalized(part, ids); }, add);
      },
      add);
  return ids;
}

void byte_level_tokenizer::encode_normalized(std::string_view text, std::vector<kv::token_id>& ids) const {
  std::string with_space;
  if (add_prefix_space_ && !text.starts_with(' ')) text = with_space = fmt::format(" {}", text);
  std::vector<std::string_view> parts{text}, cut;
  for (const auto& [pattern, keep_rest] : cuts_) {
    cut.clear();
    for (auto part : parts) pattern.split(part, keep_rest, cut);
    parts.swap(cut);
  }
  for (auto part : parts) encode_part(part, ids);
}

void byte_level_tokenizer::encode_part(std::string_view part, std::vector<kv::token_id>& ids) const {
  if (auto found = whole_.find(part); found != whole_.end()) {
    ids.push_back(found->second);
    return;
  }
  std::vector<kv::token_id> tokens;
  tokens.reserve(part.size());
  for (char byte : part) {
    const auto& spelled = bytes_[static_cast<unsigned char>(byte)];
    tokens.insert(tokens.end(), spelled.begin(), spelled.end());
  }
  pairs_.merge(tokens);
  ids.insert(ids.end(), tokens.begin(), tokens.end());
}

}  // namespace chromatin::model

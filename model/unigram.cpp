#include "model/unigram.hpp"

#include <algorithm>

#include "model/utf8.hpp"

namespace chromatin::model {
namespace {

constexpr std::uint32_t no_piece = ~std::uint32_t{0};

/// The best way to a place in the text: where its last part begins, and what it is.
struct way {
  bool known = false;
  double score = 0;
  std::size_t from = 0;
  std::uint32_t piece = no_piece;

  void offer(const way& other) {
    if (!known || other.score > score) *this = other;
  }
};

unsigned char byte_of(char c) { return static_cast<unsigned char>(c); }

}  // namespace

void unigram::finish(double unknown) {
  unknown_ = unknown;
  std::erase_if(pieces_, [](const piece& p) { return p.text.empty(); });
  std::ranges::sort(pieces_, {}, &piece::text);
  for (int byte = 0; byte < 256; ++byte)
    by_first_byte_[static_cast<std::size_t>(byte)] =
        narrowed({0, static_cast<std::uint32_t>(pieces_.size())}, 0, static_cast<char>(byte));
}

unigram::range unigram::narrowed(range among, std::size_t depth, char byte) const {
  auto first = pieces_.begin() + among.begin, last = pieces_.begin() + among.end;
  auto before = [&](const piece& p) { return p.text.size() <= depth || byte_of(p.text[depth]) < byte_of(byte); };
  auto upto = [&](const piece& p) { return p.text.size() <= depth || byte_of(p.text[depth]) <= byte_of(byte); };
  auto begin = std::partition_point(first, last, before), end = std::partition_point(begin, last, upto);
  return {static_cast<std::uint32_t>(begin - pieces_.begin()), static_cast<std::uint32_t>(end - pieces_.begin())};
}

std::vector<unigram::part> unigram::cut(std::string_view text) const {
  std::vector<way> ways(text.size() + 1);
  ways[0].known = true;
  for (std::size_t at = 0; at < text.size();) {
    const auto character = first_character(text.substr(at)).size();
    const auto score = ways[at].score;
    bool alone = false;  // the character is a piece
    auto among = by_first_byte_[byte_of(text[at])];
    for (std::size_t length = 1; among.begin < among.end; ++length) {
      if (const auto& shortest = pieces_[among.begin]; shortest.text.size() == length) {
        ways[at + length].offer({true, score + shortest.score, at, among.begin});
        alone = alone || length == character;
      }
      if (at + length == text.size()) break;
      among = narrowed(among, length, text[at + length]);
    }
    if (!alone) ways[at + character].offer({true, score + unknown_, at, no_piece});
    at += character;
  }
  std::vector<part> parts;
  for (auto end = text.size(); end > 0; end = ways[end].from) {
    const auto& last = ways[end];
    std::optional<kv::token_id> token;
    if (last.piece != no_piece) token = pieces_[last.piece].token;
    parts.push_back({text.substr(last.from, end - last.from), token});
  }
  std::ranges::reverse(parts);
  return parts;
}

}  // namespace chromatin::model

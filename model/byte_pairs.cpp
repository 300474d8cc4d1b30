#include "model/byte_pairs.hpp"

#include <algorithm>
#include <functional>
#include <queue>

namespace chromatin::model {
namespace {

constexpr std::uint64_t pair_key(kv::token_id left, kv::token_id right) { return std::uint64_t{left} << 32 | right; }

constexpr std::uint32_t no_symbol = ~std::uint32_t{0};

/// A token of the text being merged; neighbours by index. `rank` and `result` are those of the rule for it and its next
/// one.
struct symbol {
  kv::token_id token;
  std::uint32_t previous, next;
  std::uint32_t rank = no_symbol;
  kv::token_id result = 0;
};

/// Smallest first: a rule's rank in the high half, where it applies in the low half.
using candidates = std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>>;

}  // namespace

bool byte_pairs::add(kv::token_id left, kv::token_id right, kv::token_id result, std::uint32_t rank) {
  return rules_.emplace(pair_key(left, right), rule{rank, result}).second;
}

void byte_pairs::merge(std::vector<kv::token_id>& tokens) const {
  if (tokens.size() < 2) return;
  std::vector<symbol> symbols(tokens.size());
  for (std::uint32_t i = 0; i < symbols.size(); ++i) symbols[i] = {tokens[i], i - 1, i + 1};
  symbols.back().next = no_symbol;  // the first one's previous is none already

  candidates open;
  auto consider = [&](std::uint32_t at) {
    if (at == no_symbol) return;
    auto& s = symbols[at];
    s.rank = no_symbol;
    if (s.next == no_symbol) return;
    auto found = rules_.find(pair_key(s.token, symbols[s.next].token));
    if (found == rules_.end()) return;
    s.rank = found->second.rank;
    s.result = found->second.result;
    open.push(std::uint64_t{s.rank} << 32 | at);
  };
  for (std::uint32_t i = 0; i + 1 < symbols.size(); ++i) consider(i);

  while (!open.empty()) {
    auto rank = static_cast<std::uint32_t>(open.top() >> 32), at = static_cast<std::uint32_t>(open.top());
    open.pop();
    auto& left = symbols[at];
    if (left.rank != rank) continue;  // merged meanwhile
    auto& right = symbols[left.next];
    left.token = left.result;
    left.next = right.next;
    right.rank = no_symbol;
    if (left.next != no_symbol) symbols[left.next].previous = at;
    consider(left.previous);
    consider(at);
  }

  tokens.clear();
  for (std::uint32_t at = 0; at != no_symbol; at = symbols[at].next) tokens.push_back(symbols[at].token);
}

}  // namespace chromatin::model

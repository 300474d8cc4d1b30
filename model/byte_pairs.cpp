#include "model/byte_pairs.hpp"

#include <algorithm>
#include <functional>
#include <queue>

namespace chromatin::model {
namespace {

constexpr std::uint64_t pair_key(kv::token_id left, kv::token_id right) { return std::uint64_t{left} << 32 | right; }

/// A token of the text being merged; neighbours by index.
struct symbol {
  kv::token_id token;
  std::uint32_t previous, next;
};
constexpr std::uint32_t none = ~std::uint32_t{0};
constexpr kv::token_id gone = ~kv::token_id{0};

/// Smallest first: a rule's rank in the high half, where it applies in the low half.
using candidates = std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>>;

}  // namespace

void byte_pairs::reserve(std::size_t rules) {
  rules_.reserve(rules);
  rank_of_pair_.reserve(rules);
}

bool byte_pairs::add(kv::token_id left, kv::token_id right, kv::token_id result) {
  if (!rank_of_pair_.emplace(pair_key(left, right), static_cast<std::uint32_t>(rules_.size())).second) return false;
  rules_.push_back({left, right, result});
  return true;
}

void byte_pairs::merge(std::vector<kv::token_id>& tokens) const {
  if (tokens.size() < 2) return;
  std::vector<symbol> symbols(tokens.size());
  for (std::uint32_t i = 0; i < symbols.size(); ++i) symbols[i] = {tokens[i], i - 1, i + 1};
  symbols.back().next = none;  // the first one's previous is none already

  candidates open;
  auto consider = [&](std::uint32_t at) {
    if (at == none || symbols[at].next == none) return;
    auto found = rank_of_pair_.find(pair_key(symbols[at].token, symbols[symbols[at].next].token));
    if (found != rank_of_pair_.end()) open.push(std::uint64_t{found->second} << 32 | at);
  };
  for (std::uint32_t i = 0; i + 1 < symbols.size(); ++i) consider(i);

  while (!open.empty()) {
    const auto& r = rules_[open.top() >> 32];
    auto at = static_cast<std::uint32_t>(open.top());
    open.pop();
    auto& left = symbols[at];
    if (left.token != r.left || left.next == none || symbols[left.next].token != r.right) continue;  // merged meanwhile
    auto& right = symbols[left.next];
    left.token = r.result;
    left.next = right.next;
    right.token = gone;
    if (left.next != none) symbols[left.next].previous = at;
    consider(left.previous);
    consider(at);
  }

  tokens.clear();
  for (std::uint32_t at = 0; at != none; at = symbols[at].next) tokens.push_back(symbols[at].token);
}

}  // namespace chromatin::model

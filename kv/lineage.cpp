#include "kv/lineage.hpp"

#include <algorithm>
#include <array>

namespace chromatin::kv {
namespace {

/// Key of chunk `index` when the window ends after `end` tokens, given the key before it.
link link_at(const lineage& window, std::uint32_t index, std::uint32_t end, chunk_key previous) {
  auto begin = index * tokens_per_chunk;
  auto fill = std::min(tokens_per_chunk, end - begin);
  auto kept_fill = index < window.kept.size() ? std::min(tokens_per_chunk, window.kept_tokens - begin) : 0;
  if (fill == kept_fill) return {window.kept[index], fill};
  auto first_after_kept = index == window.kept_tokens / tokens_per_chunk;
  auto parent = first_after_kept ? window.parent : previous;
  return {next_key(parent, std::span{window.tokens}.subspan(begin, fill)), fill};
}

/// Whole chunks from `first` on that fit into `ratio` of what stands there.
std::uint32_t share_of(const lineage& window, std::uint32_t first, double ratio) {
  auto rest = window.tokens.size() - std::min<std::size_t>(window.tokens.size(), first * tokens_per_chunk);
  return static_cast<std::uint32_t>(static_cast<double>(rest) * std::clamp(ratio, 0.0, 1.0)) / tokens_per_chunk;
}

/// Drops the whole chunks [first, last).
std::uint32_t drop_chunks(lineage& window, std::uint32_t first, std::uint32_t last) {
  auto begin = first * tokens_per_chunk, end = last * tokens_per_chunk;
  auto links = chain(window, window.settled);
  // Where the cut goes through what was never computed, what follows it will be computed after what stays before it.
  auto settled = window.settled > end ? window.settled - (end - begin) : std::min(window.settled, begin);
  std::vector<chunk_key> kept;
  for (std::uint32_t i = 0; i < links.size(); ++i)
    if (i < first || i >= last) kept.push_back(links[i].key);
  std::array<std::uint64_t, 3> mark{first, last, window.settled};
  window.parent = hash(std::as_bytes(std::span{mark}), links.empty() ? window.parent : links.back().key);
  window.tokens.erase(window.tokens.begin() + begin, window.tokens.begin() + end);
  kept.resize(chunks_for(settled));
  window.kept = std::move(kept);
  window.kept_tokens = window.settled = settled;
  return end - begin;
}

}  // namespace

chunk_key root_key(fingerprint model, hash128 tenant_salt) {
  return hash(std::as_bytes(std::span{&model, 1}), tenant_salt);
}

chunk_key next_key(chunk_key parent, std::span<const token_id> tokens) { return hash(std::as_bytes(tokens), parent); }

std::vector<link> chain(const lineage& window, std::uint32_t token_count) {
  std::vector<link> links;
  chunk_key previous = window.parent;
  for (std::uint32_t i = 0; i < chunks_for(token_count); ++i) {
    links.push_back(link_at(window, i, token_count, previous));
    previous = links.back().key;
  }
  return links;
}

std::vector<link> reusable_chain(const lineage& window) {
  if (window.tokens.empty()) return {};
  auto usable = static_cast<std::uint32_t>(window.tokens.size() - 1);
  bool open_tail = window.settled <= usable && window.settled % tokens_per_chunk != 0;
  return chain(window, open_tail ? window.settled : usable / tokens_per_chunk * tokens_per_chunk);
}

std::uint32_t truncate(lineage& window, std::uint32_t protect, double ratio) {
  auto first = chunks_for(std::max(protect, window.keep));
  auto chunks = share_of(window, first, ratio);
  return chunks == 0 ? 0 : drop_chunks(window, first, first + chunks);
}

std::uint32_t make_room(lineage& window, std::uint32_t tokens_max, const overflow_policy& policy) {
  auto first = chunks_for(std::max(policy.keep_tokens, window.keep));
  std::uint32_t dropped = 0;
  while (policy.ratio > 0 && window.tokens.size() > tokens_max && window.tokens.size() / tokens_per_chunk > first)
    dropped += drop_chunks(window, first, first + std::max(1u, share_of(window, first, policy.ratio)));
  return dropped;
}

}  // namespace chromatin::kv

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
  auto first = chunks_for(protect);
  auto settled_whole = window.settled / tokens_per_chunk;
  auto rest = window.tokens.size() - std::min<std::size_t>(window.tokens.size(), first * tokens_per_chunk);
  auto wanted = static_cast<std::uint32_t>(static_cast<double>(rest) * std::clamp(ratio, 0.0, 1.0)) / tokens_per_chunk;
  auto last = std::min(settled_whole, first + wanted);
  if (last <= first) return 0;

  auto links = chain(window, window.settled);
  std::vector<chunk_key> kept;
  for (std::uint32_t i = 0; i < links.size(); ++i)
    if (i < first || i >= last) kept.push_back(links[i].key);
  std::array<std::uint64_t, 3> mark{first, last, window.settled};
  auto dropped = (last - first) * tokens_per_chunk;
  window.parent = hash(std::as_bytes(std::span{mark}), links.back().key);
  window.tokens.erase(window.tokens.begin() + first * tokens_per_chunk,
                      window.tokens.begin() + last * tokens_per_chunk);
  window.kept = std::move(kept);
  window.settled -= dropped;
  window.kept_tokens = window.settled;
  return dropped;
}

}  // namespace chromatin::kv

#include "kv/lineage.hpp"

#include <algorithm>
#include <array>

#include "kv/check.hpp"

namespace chromatin::kv {
namespace {

/// Tokens of chunk `index` that `kept` covers.
std::uint32_t kept_fill(const lineage& window, std::size_t index) {
  if (index >= window.kept.size()) return 0;
  return std::min<std::uint32_t>(tokens_per_chunk,
                                 window.kept_tokens - static_cast<std::uint32_t>(index) * tokens_per_chunk);
}

/// What follows sees this kept chunk after `context`. Its own key says so already unless more was before it once.
chunk_key context_with(chunk_key context, chunk_key kept) {
  std::array<chunk_key, 2> both{context, kept};
  return hash(std::as_bytes(std::span{both}));
}

std::span<const token_id> tokens_of(const lineage& window, std::size_t index, std::uint32_t fill) {
  return std::span{window.tokens}.subspan(index * tokens_per_chunk, fill);
}

/// The link of chunk `index` with `fill` tokens; `context` becomes the context of the chunk after it.
link next_link(const lineage& window, std::size_t index, std::uint32_t fill, chunk_key& context) {
  auto covered = kept_fill(window, index);
  if (covered == 0) return {context = next_key(context, tokens_of(window, index, fill)), fill};
  auto kept = window.kept[index];
  bool natural = kept == next_key(context, tokens_of(window, index, covered));
  if (!natural) context = context_with(context, kept);
  if (fill == covered) {
    if (natural) context = kept;
    return {kept, fill};
  }
  return {context = next_key(context, tokens_of(window, index, fill)), fill};
}

/// Whole chunks from `first` on that fit into `ratio` of what is there.
std::uint32_t share_of(const lineage& window, std::uint32_t first, double ratio) {
  auto rest = window.tokens.size() - std::min<std::size_t>(window.tokens.size(), std::size_t{first} * tokens_per_chunk);
  return static_cast<std::uint32_t>(static_cast<double>(rest) * std::clamp(ratio, 0.0, 1.0)) / tokens_per_chunk;
}

/// The first chunk that may go.
std::uint32_t first_droppable(const lineage& window, std::uint32_t protect) {
  auto stay = std::min<std::size_t>(std::max(protect, window.keep), window.tokens.size());
  return std::max(1u, chunks_for(stay));
}

/// The cut went through tokens that were never computed: nothing that stays behind it was computed either, and of the
/// windows before only what lies in front of it can still be built.
void forget_behind(lineage& window, std::uint32_t begin) {
  window.settled = std::min(window.settled, begin);
  window.kept_tokens = std::min(window.kept_tokens, window.settled);
  window.kept.resize(chunks_for(window.kept_tokens));
  auto end = begin;  // where `begin` was in the window before each cut
  for (auto c = window.cuts.rbegin(); c != window.cuts.rend(); ++c) {
    if (end >= c->first_chunk * tokens_per_chunk) end += static_cast<std::uint32_t>(c->dropped.size());
    c->at_tokens = std::min(c->at_tokens, end);
  }
  if (window.kept.empty()) window.cuts.clear();
}

/// Drops the whole chunks [first, last).
std::uint32_t drop_chunks(lineage& window, std::uint32_t first, std::uint32_t last) {
  auto begin = first * tokens_per_chunk, end = last * tokens_per_chunk;
  auto from = window.tokens.begin() + begin, to = window.tokens.begin() + end;
  if (window.settled > end) {
    auto links = chain(window, window.settled);
    bool buildable = window.kept.empty() || !window.cuts.empty();
    if (buildable) window.cuts.push_back({first, window.settled, {from, to}});
    window.kept.clear();
    for (std::uint32_t i = 0; i < links.size(); ++i)
      if (i < first || i >= last) window.kept.push_back(links[i].key);
    window.settled -= end - begin;
    window.kept_tokens = window.settled;
  } else {
    forget_behind(window, begin);
  }
  window.tokens.erase(from, to);
  return end - begin;
}

}  // namespace

chunk_key root_key(fingerprint model, hash128 tenant_salt) {
  return hash(std::as_bytes(std::span{&model, 1}), tenant_salt);
}

chunk_key next_key(chunk_key context, std::span<const token_id> tokens) { return hash(std::as_bytes(tokens), context); }

const std::vector<link>& growing_chain::whole(const lineage& window, std::uint32_t token_count) {
  CHROMATIN_CHECK(token_count <= window.tokens.size(), "a chain is of tokens that the window has");
  if (whole_.empty()) context_ = window.root;
  while ((whole_.size() + 1) * tokens_per_chunk <= token_count)
    whole_.push_back(next_link(window, whole_.size(), tokens_per_chunk, context_));
  return whole_;
}

link growing_chain::tail(const lineage& window, std::uint32_t token_count) {
  auto fill = token_count % tokens_per_chunk;
  CHROMATIN_CHECK(fill > 0, "a tail is a partly filled chunk");
  whole(window, token_count);
  auto index = token_count / tokens_per_chunk;
  if (index == whole_.size()) {
    auto context = context_;
    return next_link(window, index, fill, context);
  }
  return chain(window, token_count).back();  // of an earlier state, asked for rarely
}

std::vector<link> growing_chain::upto(const lineage& window, std::uint32_t token_count) {
  const auto& all = whole(window, token_count);
  std::vector<link> links(all.begin(), all.begin() + token_count / tokens_per_chunk);
  if (token_count % tokens_per_chunk != 0) links.push_back(tail(window, token_count));
  return links;
}

std::vector<link> chain(const lineage& window, std::uint32_t token_count) {
  return growing_chain{}.upto(window, token_count);
}

std::vector<link> reusable::settled() const {
  if (!tail) return whole;
  std::vector<link> links(whole.begin(), whole.begin() + tail_depth);
  links.push_back(*tail);
  return links;
}

reusable reusable_of(const lineage& window, growing_chain& chain) {
  if (window.tokens.empty()) return {};
  auto usable = static_cast<std::uint32_t>(window.tokens.size() - 1);
  reusable result;
  if (window.settled <= usable && window.settled % tokens_per_chunk != 0) {
    result.tail = chain.tail(window, window.settled);  // first, while nothing behind it is hashed yet
    result.tail_depth = window.settled / tokens_per_chunk;
  }
  result.whole = chain.upto(window, usable / tokens_per_chunk * tokens_per_chunk);
  return result;
}

std::uint32_t truncate(lineage& window, std::uint32_t protect, double ratio) {
  auto first = first_droppable(window, protect);
  auto chunks = share_of(window, first, ratio);
  return chunks == 0 ? 0 : drop_chunks(window, first, first + chunks);
}

std::uint32_t make_room(lineage& window, std::uint32_t tokens_max, const overflow_policy& policy,
                        std::vector<chunk_range>* removed) {
  auto first = first_droppable(window, policy.keep_tokens);
  std::uint32_t dropped = 0;
  while (policy.ratio > 0 && window.tokens.size() > tokens_max && window.tokens.size() / tokens_per_chunk > first) {
    auto count = std::max(1u, share_of(window, first, policy.ratio));
    if (removed && window.settled > (first + count) * tokens_per_chunk) removed->push_back({first, count});
    dropped += drop_chunks(window, first, first + count);
  }
  if (auto stay = std::size_t{first} * tokens_per_chunk;
      policy.ratio > 0 && window.tokens.size() > std::max<std::size_t>(tokens_max, stay)) {
    dropped += static_cast<std::uint32_t>(window.tokens.size() - stay);  // the partial chunk at the end goes last
    forget_behind(window, static_cast<std::uint32_t>(stay));
    window.tokens.resize(stay);
  }
  std::size_t remembered = 0;
  for (const auto& c : window.cuts) remembered += c.dropped.size();
  if (remembered > policy.history_tokens_max) window.cuts.clear();
  return dropped;
}

void shorten(lineage& window, std::uint32_t count) {
  CHROMATIN_CHECK(count <= window.tokens.size(), "a window is shortened, never extended");
  window.tokens.resize(count);
  window.settled = std::min(window.settled, count);
  window.keep = std::min(window.keep, count);
  if (window.kept_tokens <= count) return;
  // A kept chunk is kept whole or not at all: its first tokens alone have no key.
  window.kept.resize(count / tokens_per_chunk);
  window.kept_tokens = static_cast<std::uint32_t>(window.kept.size()) * tokens_per_chunk;
  window.settled = std::min(window.settled, window.kept_tokens);
  if (window.kept.empty()) window.cuts.clear();
}

void rebase(lineage& window) {
  window.kept.clear();
  window.kept_tokens = window.settled = 0;
  window.cuts.clear();
}

std::vector<lineage> history(const lineage& window) {
  std::vector<lineage> past(window.cuts.size());
  auto tokens = window.tokens;
  for (auto i = past.size(); i > 0; --i) {  // the tokens, backwards
    const auto& c = window.cuts[i - 1];
    auto at = std::min<std::size_t>(std::size_t{c.first_chunk} * tokens_per_chunk, tokens.size());
    tokens.insert(tokens.begin() + static_cast<std::ptrdiff_t>(at), c.dropped.begin(), c.dropped.end());
    tokens.resize(std::min<std::size_t>(tokens.size(), c.at_tokens));
    past[i - 1].tokens = tokens;
  }
  for (std::size_t i = 0; i < past.size(); ++i) {  // the keys, forwards
    auto& now = past[i];
    now.root = window.root;
    now.settled = static_cast<std::uint32_t>(now.tokens.size());
    if (i == 0) continue;
    auto before = past[i - 1];
    const auto& c = window.cuts[i - 1];
    auto last = c.first_chunk + static_cast<std::uint32_t>(c.dropped.size()) / tokens_per_chunk;
    if (before.settled <= last * tokens_per_chunk) continue;
    drop_chunks(before, c.first_chunk, last);
    now.kept = std::move(before.kept);
    now.kept_tokens = before.kept_tokens;
    now.cuts = std::move(before.cuts);
  }
  return past;
}

}  // namespace chromatin::kv

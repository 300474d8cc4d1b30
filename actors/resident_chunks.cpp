#include "actors/resident_chunks.hpp"

#include <algorithm>
#include <utility>

#include "kv/check.hpp"

namespace chromatin {

resident_chunks::resident_chunks(std::shared_ptr<kv::page_arena> arena, std::unique_ptr<kv::eviction_policy> policy,
                                 std::function<void(const entry&)> dropped)
    : arena_{std::move(arena)}, policy_{std::move(policy)}, dropped_{std::move(dropped)} {}

std::uint32_t resident_chunks::run::tokens() const {
  std::uint32_t sum = 0;
  for (std::uint32_t i = 0; i < length; ++i) sum += links[i].fill;
  return sum;
}

const resident_chunks::entry* resident_chunks::find(kv::chunk_key key) const {
  auto found = index_.find(key);
  return found == index_.end() ? nullptr : &found->second;
}

key_list resident_chunks::keys() const {
  key_list keys;
  for (const auto& [key, e] : index_) keys.push_back(key);
  return keys;
}

resident_chunks::run resident_chunks::find_run(const kv::reusable& chain) const {
  auto here = [&](const kv::link& link) {
    auto* e = find(link.key);
    return e && !e->doomed;
  };
  auto absent = std::find_if_not(chain.whole.begin(), chain.whole.end(), here);
  run r{.links = chain.whole, .length = static_cast<std::uint32_t>(absent - chain.whole.begin())};
  r.shared = r.length;
  if (!chain.tail || r.length > chain.tail_depth) return r;
  r.links = chain.settled();
  if (r.length == chain.tail_depth && here(*chain.tail)) ++r.length;
  return r;
}

void resident_chunks::insert(const chunk& c) {
  bool fresh = index_.emplace(c.link.key, entry{c.link, c.depth, c.page}).second;
  CHROMATIN_CHECK(fresh, "a chunk is in the index once");
  policy_->insert(c.link.key, {.depth = c.depth, .bytes = static_cast<std::uint32_t>(arena_->page_bytes())});
}

void resident_chunks::drop(kv::chunk_key key) {
  auto node = index_.extract(key);
  CHROMATIN_CHECK(!node.empty(), "only what is here can leave");
  policy_->erase(key);
  dropped_(node.mapped());
}

void resident_chunks::doom(kv::chunk_key key) {
  auto found = index_.find(key);
  if (found == index_.end()) return;
  if (policy_->pins(key) > 0)
    found->second.doomed = true;
  else
    drop(key);
}

void resident_chunks::unpin(const key_list& keys) {
  for (auto key : keys) {
    policy_->unpin(key);
    if (index_.at(key).doomed && policy_->pins(key) == 0) drop(key);
  }
}

std::uint32_t resident_chunks::room() const {
  return arena_->available() + static_cast<std::uint32_t>(policy_->evictable_bytes() / arena_->page_bytes());
}

std::uint32_t resident_chunks::missing(std::uint32_t needed) const {
  auto have = room();
  return needed > have ? needed - have : 1;
}

std::optional<std::vector<kv::page_ref>> resident_chunks::take_pages(std::uint32_t count, std::int64_t now_us,
                                                                     std::function<void()> when_free) {
  if (count == 0) return std::vector<kv::page_ref>{};
  if (auto free = arena_->available(); free < count && room() >= count)
    for (auto key : policy_->victims((count - free) * arena_->page_bytes(), now_us)) drop(key);
  auto seen = arena_->releases();
  auto pages = arena_->try_allocate(count);
  if (!pages.empty()) return pages;
  arena_->when_free(seen, std::move(when_free));  // what was evicted may not be free yet: a copy may still read it
  return {};
}

}  // namespace chromatin

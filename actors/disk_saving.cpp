// How chunks come to be on the disk: a part of the disk tier.

#include <cerrno>
#include <chrono>
#include <map>

#include <spdlog/spdlog.h>

#include "actors/disk_tier.hpp"

namespace chromatin {
namespace {

constexpr auto keep_learned_every = std::chrono::minutes{1};

}  // namespace

void disk_tier_state::save(const save_order& order, const upper_tier_actor& upper) {
  if (order.layer_end < geometry.layers) return;  // all are written together, with the last
  if (!order.after.over()) {
    auto id = new_operation(save_when_there{order, upper});
    order.after.then([done = completion(id)](bool passed) { done(passed ? 0 : EIO); });
    return;
  }
  ended(save_when_there{order, upper}, order.after.passed() ? 0 : EIO);
  go_on();
}

void disk_tier_state::take(const save_order& order, const upper_tier_actor& upper) {
  key_list safe, impossible;
  for (const auto& c : order.chunks) {
    auto key = c.link.key;
    bool possible = c.checksums && c.checksums->size() == geometry.layers && c.link.fill >= 1 &&
                    c.link.fill <= kv::tokens_per_chunk && c.page.bytes().size() >= geometry.packed_bytes(c.link.fill);
    if (store.find(key)) {
      safe.push_back(key);
    } else if (!possible) {
      impossible.push_back(key);
    } else {
      auto& s = saves[key];
      s.uppers.insert(upper);
      if (store.knows(key)) continue;
      s.page = c.page;
      store.save({.key = key, .depth = c.depth, .fill = c.link.fill, .checksums = *c.checksums});
    }
  }
  if (!safe.empty()) self->send(upper, atom::saved_v, safe);
  if (!impossible.empty()) self->send(upper, atom::refused_v, impossible);
}

void disk_tier_state::make_room() {
  auto wanted = store.slots_short();
  if (wanted == 0) return;
  for (auto key : policy->victims(wanted * geometry.chunk_bytes(), now_us())) {
    ++evicted;
    forget(key);
  }
}

void disk_tier_state::carry_out(io::group_commit::todo todo) {
  for (const auto& w : todo.writes) {
    const auto& page = saves.at(w.key).page;
    auto bytes = page.bytes().first(geometry.packed_bytes(w.fill));
    auto id = new_operation(write_done{w.key});
    operations.at(id).in_device =
        parts.device->write(parts.layout.at(w.slot), bytes, io::urgency::saving, completion(id, page));
  }
  for (auto segment : todo.syncs) {
    auto id = new_operation(sync_done{});
    operations.at(id).in_device = parts.device->sync(segment, completion(id));
  }
  learn_saved(todo.saved);
  stored += static_cast<std::int64_t>(todo.saved.size());
  refused += static_cast<std::int64_t>(todo.refused.size());
  if (!todo.refused.empty()) spdlog::warn("disk tier: {} chunks are not saved", todo.refused.size());
  tell(todo.saved, [&](const auto& upper, key_list keys) { self->send(upper, atom::saved_v, std::move(keys)); });
  for (const auto& keys : {todo.refused, todo.dropped})
    tell(keys, [&](const auto& upper, key_list its) { self->send(upper, atom::refused_v, std::move(its)); });
  if (todo.commit) commit(std::move(*todo.commit));
}

void disk_tier_state::learn_saved(const key_list& keys) {
  for (auto key : keys) {
    learn(*store.find(key));
    early_touches.erase(key);
  }
}

/// Tells each upper tier of its keys.
template <class Tell>
void disk_tier_state::tell(const std::vector<kv::chunk_key>& keys, Tell one) {
  std::map<upper_tier_actor, key_list> of;
  for (auto key : keys) {
    auto save = saves.extract(key);
    for (const auto& upper : save.mapped().uppers) of[upper].push_back(key);
  }
  for (auto& [upper, its] : of) one(upper, std::move(its));
}

void disk_tier_state::commit(io::catalog_change change) {
  used_in_group = nullptr;
  if (auto now = self->clock().now(); now - last_kept > keep_learned_every) {
    last_kept = now;
    if (auto bytes = policy->learned(); !bytes.empty()) change.learned = {parts.policy.name, std::move(bytes)};
  }
  auto end = [this](bool ok) {
    store.committed(ok);
    ++(ok ? commits : write_errors);
    go_on();
  };
  self->request(parts.catalog, caf::infinite, atom::commit_v, std::move(change))
      .then([=] { end(true); },
            [=](const caf::error& error) {
              spdlog::warn("disk tier: the catalogue refused a commit: {}", explain(error));
              end(false);
            });
}

}  // namespace chromatin

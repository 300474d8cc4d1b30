#include "actors/host_tier.hpp"

#include <cstring>

namespace chromatin {

void host_tier_state::save(const save_order& order, const upper_tier_actor& upper) {
  key_list safe, impossible, fresh;
  for (const auto& c : order.chunks) {
    auto known = index.find(c.link.key);
    bool ours = known != index.end() ? incoming.contains(c.link.key) : order.layer_begin == 0 && open_entry(c);
    if (ours) save_slices(c, order.layer_begin, order.layer_end);
    if (order.layer_end < geometry.layers) continue;
    auto stored_now = index.find(c.link.key);
    if (stored_now == index.end()) {
      impossible.push_back(c.link.key);
    } else {
      safe.push_back(c.link.key);
      if (ours) fresh.push_back(c.link.key);
    }
  }
  policy->touch(safe);
  stored += static_cast<std::int64_t>(fresh.size());
  refused += static_cast<std::int64_t>(impossible.size());
  if (!safe.empty()) self->send(upper, atom::saved_v, safe);
  if (!impossible.empty()) self->send(upper, atom::refused_v, impossible);
  pass_down(fresh);
}

bool host_tier_state::open_entry(const chunk& c) {
  auto page = allocate();
  if (!page) return false;
  index[c.link.key] = {.link = c.link, .depth = c.depth, .page = std::move(page)};
  incoming[c.link.key].resize(geometry.layers);
  return true;
}

void host_tier_state::save_slices(const chunk& c, std::uint32_t layer_begin, std::uint32_t layer_end) {
  auto& e = index.at(c.link.key);
  auto& checksums = incoming.at(c.link.key);
  for (auto layer = layer_begin; layer < layer_end; ++layer) {
    auto to = kv::slice_of(e.page, geometry, layer);
    std::memcpy(to.data(), kv::slice_of(c.page, geometry, layer).data(), to.size());
    checksums[layer] = kv::checksum(to);
  }
  if (layer_end < geometry.layers) return;
  e.checksums = std::make_shared<const std::vector<std::uint64_t>>(std::move(checksums));
  e.complete = true;
  incoming.erase(c.link.key);
}

void host_tier_state::pass_down(const key_list& keys) {
  if (!lower || keys.empty()) return;
  save_order order{{}, 0, geometry.layers};
  for (auto key : keys) {
    const auto& e = index.at(key);
    order.chunks.push_back({e.link, e.depth, e.page, e.checksums});
  }
  self->send(lower, atom::save_v, std::move(order), upper_tier_actor{self});
}

void host_tier_state::on_saved(const key_list& keys) {
  for (auto key : keys)
    if (auto e = index.find(key); e != index.end()) e->second.below = true;
}

void host_tier_state::on_refused(const key_list& keys) {
  for (auto key : keys)
    if (auto e = index.find(key); e != index.end()) e->second.refused = true;
}

}  // namespace chromatin

#pragma once

/// What a tier knows of the tier below it: its handle, which chunks are safe there, which wait to be offered, and what
/// happens when it dies. Device, host and disk own one each, so that any tier can be below any other; without a tier
/// below, it is empty and everything counts as safe.
///
/// A chunk is sent either at once, or layer by layer while a step computes it. Both cost credit until the answer comes:
/// no more than `credit_bytes` are on their way, so that a slow tier is never sent more than it can hold. What finds no
/// credit waits here, and so does what the tier below refused: it is offered again later.

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>

#include "actors/actors.hpp"

namespace chromatin {

class tier_below {
 public:
  struct settings {
    std::uint32_t layers = 0;
    std::uint32_t chunk_bytes = 0;
    std::uint64_t credit_bytes = std::uint64_t{64} << 20;
    /// The chunk as it is to be sent, or none if it has left the tier meanwhile.
    std::function<std::optional<chunk>(kv::chunk_key)> find;
    /// Told at each change: whether the chunk may go here without a loss.
    std::function<void(kv::chunk_key, bool)> safe;
  };

  tier_below() = default;
  explicit tier_below(settings s) : settings_{std::move(s)} {}

  explicit operator bool() const { return tier_ != nullptr; }
  const tier_actor& tier() const { return tier_; }
  /// True if this is the tier below.
  bool is(const caf::actor_addr& address) const { return tier_ && tier_.address() == address; }

  /// A tier is below from now on; nothing of what `known` names is safe there until it says so. `upper` is who asks.
  void attach(tier_actor tier, upper_tier_actor upper, const key_list& known);
  /// Nothing is below any more: what `known` names is safe, since there is no better place for it.
  void detach(const key_list& known);

  /// A chunk that is complete here. Sent as soon as there is credit.
  void offer(kv::chunk_key key);
  /// A chunk that came from below, or is there.
  void is_there(kv::chunk_key key);
  /// Layers of chunks on their way; those for which there was no credit at the first layer are left out, and are to be
  /// offered when they are complete.
  void save_layers(save_order order);
  /// The layers of this chunk will not all come. It goes as a whole if it is here all the same: as another turn's tail.
  void give_up(kv::chunk_key key);
  /// The chunk has left the tier.
  void forget(kv::chunk_key key);

  void on_saved(const key_list& keys);
  void on_refused(const key_list& keys);

  /// Chunks that are nowhere else: waiting for credit, on their way, or refused.
  std::size_t unsafe() const { return waiting_.size() + under_way_; }
  bool is_safe(kv::chunk_key key) const;
  bool is_refused(kv::chunk_key key) const;

 private:
  enum class copy : std::uint8_t { waiting, under_way, safe, refused };

  bool take_credit();
  void give_credit(kv::chunk_key key);
  void send_waiting();
  void offer_some_refused();

  settings settings_;
  tier_actor tier_;
  upper_tier_actor upper_;
  std::unordered_map<kv::chunk_key, copy> copies_;
  std::deque<kv::chunk_key> waiting_;  ///< may hold keys that are not waiting any more
  std::deque<kv::chunk_key> refused_;  ///< likewise
  std::size_t under_way_ = 0;
};

/// Asks a tier that was just attached which of these chunks it has, and offers the others. `is_here`: whether a chunk
/// is still here when the answer comes.
template <class Self, class IsHere>
void offer_missing(Self* self, tier_below& below, const key_list& keys, IsHere is_here) {
  self->request(below.tier(), caf::infinite, atom::lookup_v, keys)
      .then(
          [&below, keys, is_here](const presence_list& there) {
            for (std::size_t i = 0; i < keys.size(); ++i) {
              if (!is_here(keys[i])) continue;
              if (there[i] != chunk_presence::absent)
                below.is_there(keys[i]);
              else
                below.offer(keys[i]);
            }
          },
          [](const caf::error&) { /* the tier died again; whoever restarts it attaches the new one */ });
}

}  // namespace chromatin

#pragma once

/// A device in memory, for deterministic tests and simulations: operations end in poll(), in order or shuffled by a
/// seed, and can be made to go wrong.
///
/// The fault model: pristine bytes plus faults that can be lifted again. A bit flip spoils what one read returns, not
/// what is stored. An error is returned by the operation with that number. A power cut keeps, drops or tears (keeps a
/// leading part of) each write that no finished sync covers, as the seed decides; operations under way never end.

#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "io/device.hpp"

namespace chromatin::io {

class memory_device final : public device {
 public:
  /// `running_max`: operations that are in the "kernel" at one time, where they cannot be cancelled and end in any
  /// order. They go there in poll().
  explicit memory_device(std::vector<std::uint64_t> segment_bytes, std::optional<std::uint64_t> shuffle_seed = {},
                         std::uint32_t running_max = 64);

  /// Ends up to `count` operations; true if any was under way.
  bool poll(std::size_t count = ~std::size_t{0});

  /// Flips a bit in every read that covers this byte, until lifted.
  void spoil(extent where);
  void lift_spoils() { spoiled_.clear(); }
  /// The next `count` reads (or writes, or syncs) end with this errno.
  void fail_reads(std::size_t count, int error) { failing_reads_ = {count, error}; }
  void fail_writes(std::size_t count, int error) { failing_writes_ = {count, error}; }
  void fail_syncs(std::size_t count, int error) { failing_syncs_ = {count, error}; }
  void power_cut(std::uint64_t seed);

 protected:
  void wake() override {}

 private:
  struct unsynced_write {
    extent where;
    std::vector<std::byte> before, after;
  };
  struct failing {
    std::size_t count = 0;
    int error = 0;
    int take();
  };
  std::byte* at(extent where, std::size_t size);
  int carry_out(const operation& op);
  int carry_out_read(const operation& op);
  int carry_out_write(const operation& op);
  int carry_out_sync(const operation& op);

  std::vector<std::vector<std::byte>> segments_;
  std::deque<operation> running_;
  std::vector<unsynced_write> unsynced_;
  std::set<std::pair<std::uint32_t, std::uint64_t>> spoiled_;
  failing failing_reads_, failing_writes_, failing_syncs_;
  std::optional<std::mt19937_64> shuffle_;
};

}  // namespace chromatin::io

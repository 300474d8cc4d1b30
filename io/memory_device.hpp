#pragma once

/// A device in memory, for deterministic tests and simulations: operations end in poll(), in order or shuffled by a
/// seed. Its bytes are pristine: a bit that is spoilt is so in what is read, until that is lifted. What else goes wrong
/// is io/faulty_device.hpp's.

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

  /// Flips a bit in every read that covers this byte.
  void spoil(extent where);

 protected:
  void wake() override {}

 private:
  std::byte* at(extent where, std::size_t size);
  int carry_out(const operation& op);
  int carry_out_read(const operation& op);
  int carry_out_write(const operation& op);

  std::vector<std::vector<std::byte>> segments_;
  std::deque<operation> running_;
  std::set<std::pair<std::uint32_t, std::uint64_t>> spoiled_;
  std::optional<std::mt19937_64> shuffle_;
};

}  // namespace chromatin::io

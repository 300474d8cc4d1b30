#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace chromatin::dna::wetlab {

/// Numbers of kinds of molecules by a hash of each: a flat table, half full at most, since there are hundreds of
/// thousands of them and each look-up is a miss of the processor's cache for every pointer that it follows.
class kind_index {
 public:
  static constexpr std::uint32_t none = static_cast<std::uint32_t>(-1);

  /// The number with this hash of which `is_it` is true; none where there is no such.
  std::uint32_t find(std::uint64_t hash, const auto& is_it) const {
    const auto wanted = static_cast<std::uint32_t>(hash);
    for (auto at = place(wanted); slots_[at].number != none; at = place(at + 1))
      if (slots_[at].hash == wanted && is_it(slots_[at].number)) return slots_[at].number;
    return none;
  }

  void add(std::uint64_t hash, std::uint32_t number) {
    if (2 * ++count_ > slots_.size()) grow();
    put({static_cast<std::uint32_t>(hash), number});
  }

 private:
  struct slot {
    std::uint32_t hash = 0, number = none;
  };
  std::size_t place(std::size_t hash) const { return hash & (slots_.size() - 1); }
  void put(slot one) {
    auto at = place(one.hash);
    while (slots_[at].number != none) at = place(at + 1);
    slots_[at] = one;
  }
  void grow() {
    std::vector<slot> before(2 * slots_.size());
    before.swap(slots_);
    for (const auto& one : before)
      if (one.number != none) put(one);
  }

  std::vector<slot> slots_ = std::vector<slot>(1024);  // a power of two
  std::size_t count_ = 0;
};

}  // namespace chromatin::dna::wetlab

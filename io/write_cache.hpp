#pragma once

/// What a drive, or a kernel, has taken and may lose: sectors that were written and are not synced. Pure; one thread at
/// a time.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace chromatin::io {

class write_cache {
 public:
  /// Never changed once it is here: a later write of the sector replaces it.
  using sector = std::shared_ptr<const std::vector<std::byte>>;
  /// By their numbers.
  using sectors = std::map<std::uint64_t, sector>;

  explicit write_cache(std::size_t sector_bytes) : sector_bytes_{sector_bytes} {}

  /// Whole sectors at a multiple of their size.
  void put(std::uint64_t offset_bytes, std::span<const std::byte> bytes);
  /// Those of `bytes` from here on that are unsynced.
  sectors within(std::uint64_t offset_bytes, std::size_t bytes) const;
  const sectors& all() const { return sectors_; }
  /// Puts these over what was read from the medium at `offset_bytes`.
  void lay_over(const sectors& newer, std::uint64_t offset_bytes, std::span<std::byte> read) const;
  /// These are on the medium now; those that were written again since are not.
  void synced(const sectors& written);
  void forget(std::uint64_t number) { sectors_.erase(number); }
  /// From this sector on.
  void forget_from(std::uint64_t number) { sectors_.erase(sectors_.lower_bound(number), sectors_.end()); }
  void clear() { sectors_.clear(); }

  /// Neighbours as one piece.
  struct piece {
    std::uint64_t offset_bytes = 0;
    std::vector<std::byte> bytes;
  };
  std::vector<piece> pieces(const sectors& of) const;

 private:
  std::size_t sector_bytes_;
  sectors sectors_;
};

}  // namespace chromatin::io

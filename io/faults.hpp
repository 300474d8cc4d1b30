#pragma once

/// What can go wrong beneath a store, when it does, and how often it did. A seed decides; the devices and files that
/// ask it are io/faulty_device.hpp and io/faulty_vfs.hpp. docs/faults.md has the model.

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace chromatin::io {

enum class fault : std::uint8_t {
  read_error,         ///< EIO; nothing is read
  write_error,        ///< EIO; a part may have been written
  no_space,           ///< ENOSPC; a part may have been written
  sync_error,         ///< EIO; what was not synced is dropped or stays unsynced
  short_read,         ///< less is read than was asked for, and said so
  short_write,        ///< less is written than was asked for, and said so
  torn_write,         ///< only a part is written, and nobody is told
  read_flip,          ///< a bit is wrong in what is read, not in what is stored
  write_flip,         ///< a bit is wrong in what is stored
  misdirected_write,  ///< written elsewhere; what was meant to be overwritten is as it was
  slow,               ///< a delay
  stuck,              ///< a delay beyond every deadline
  cut_keeps,          ///< a write that was not synced survived a power cut
  cut_drops,          ///< … did not
  cut_tears,          ///< … did in part
};
inline constexpr std::size_t fault_kinds = 15;
const char* to_string(fault);

/// Counts; in memory of its own, which may be shared with another process, so that they outlive this one.
struct fault_counts {
  std::array<std::atomic<std::int64_t>, fault_kinds> fired{};
  /// Writes that are not synced, by what a power cut now would do to them: cut_keeps, cut_drops, cut_tears.
  std::array<std::atomic<std::int64_t>, 3> unsynced{};

  std::int64_t of(fault what) const { return fired[static_cast<std::size_t>(what)]; }
  bool any_unsynced() const { return unsynced[0] + unsynced[1] + unsynced[2] > 0; }
  /// After the power was cut with everything that counted here: what was not synced has met its fate.
  void cut();
};

/// Of a million operations that can go wrong in this way, so many do.
using fault_odds = std::array<std::uint32_t, fault_kinds>;

/// Reads "read_error=1000,slow=500"; `all=N` means every kind of this list. Throws std::invalid_argument that names
/// what it does not know.
fault_odds parse_odds(std::string_view text);

/// Decides. Any thread. `counts` must outlive it; null: it has its own.
class fault_dice {
 public:
  explicit fault_dice(std::uint64_t seed, const fault_odds& odds = {}, fault_counts* counts = nullptr);

  /// Does this go wrong? Counted if it does.
  bool strikes(fault what);
  /// After `spared` more, the next `count` operations that can go wrong in this way do.
  void strike_next(fault what, std::uint32_t count = 1, std::uint32_t spared = 0);
  void set_odds(const fault_odds& odds);
  /// Nothing strikes any more.
  void lift();
  /// A number below `below`.
  std::uint64_t draw(std::uint64_t below);

  /// Of a write of `parts` sectors, those from `first` to before `last` are on the medium before anything is synced.
  struct fate {
    fault at_cut = fault::cut_keeps;
    std::uint64_t first = 0, last = 0;
  };
  fate draw_fate(std::uint64_t parts);

  fault_counts& counts() { return *counts_; }

 private:
  std::mutex mutex_;
  std::mt19937_64 random_;                                       ///< guarded by mutex_
  fault_odds odds_;                                              ///< guarded by mutex_
  std::array<std::uint32_t, fault_kinds> certain_{}, spared_{};  ///< guarded by mutex_
  fault_counts own_;
  fault_counts* counts_;
};

/// Writes that wait for a sync, by their fates. Keeps the count of those that are unsynced.
class unsynced_fates {
 public:
  explicit unsynced_fates(fault_counts& counts) : counts_{counts} {}
  unsynced_fates(const unsynced_fates&) = delete;
  unsynced_fates& operator=(const unsynced_fates&) = delete;
  ~unsynced_fates() { synced(); }
  void add(fault at_cut);
  void synced();
  void cut();

 private:
  fault_counts& counts_;
  std::array<std::int64_t, 3> mine_{};
};

}  // namespace chromatin::io

#pragma once

/// A device that goes wrong as a seed decides, around one that does not.
///
/// It is a disk with a write cache that is lost with the power. A write is in the cache; which of its blocks are on the
/// medium before a sync, all, none or some, is drawn when it is written. So a process that is killed leaves behind what
/// a power cut leaves, and `power_cut` only has to forget. A sync writes the cache to the device behind, and syncs
/// that. Reads see what was written. io/faults.hpp says what else happens.

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "io/device.hpp"
#include "io/faults.hpp"
#include "io/write_cache.hpp"

namespace chromatin::io {

struct fault_times {
  std::chrono::nanoseconds slow_max = std::chrono::milliseconds{50};
  std::chrono::nanoseconds stuck_for = std::chrono::seconds{3};
};

/// Driven by hand: operations begin in poll(), and `done` is called there or where the device behind calls it.
class faulty_device : public device {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  faulty_device(std::unique_ptr<device> behind, std::shared_ptr<fault_dice> dice, const fault_times& times = {},
                std::uint32_t running_max = 64);
  ~faulty_device() override;

  /// Begins up to `count` operations whose time has come; true if there was one.
  bool poll(time_point now, std::size_t count = ~std::size_t{0});
  /// When the next delayed operation is due.
  std::optional<time_point> next_due() const;
  /// What waits or runs never ends, and what was not synced meets its fate. The next operations begin when the device
  /// behind is done with those that it had. Not while another thread polls.
  void power_cut();

  fault_dice& dice() { return *dice_; }
  device& behind() { return *behind_; }

 protected:
  void wake() override {}
  /// Nothing is under way in the device behind.
  bool quiet() const { return under_way_ == 0; }

 private:
  struct volume {
    explicit volume(fault_counts& counts) : fates{counts} {}
    write_cache cache{alignment_bytes};
    unsynced_fates fates;
  };
  struct flush;

  std::optional<operation> next_due_or_new(time_point now);
  std::optional<time_point> delay(time_point now);
  void begin(operation op);
  void begin_read(operation op);
  void end_read(operation& op, const write_cache::sectors& seen_at_start, int error);
  void begin_write(operation op);
  void store(extent where, std::span<const std::byte> bytes);
  void store_part(const operation& op, std::size_t bytes_max);
  std::vector<std::byte> bytes_of(const operation& op);
  void fail_sync(std::uint32_t segment);
  void begin_sync(operation op);
  void flushed(const std::shared_ptr<flush>& f);
  void write_behind(extent to, std::span<const std::byte> bytes, io_done done);
  /// Wraps what the device behind calls: counted as under way, and not heard of after a power cut.
  template <class Call>
  io_done expect(Call call);

  std::shared_ptr<fault_dice> dice_;
  const fault_times times_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<volume>> volumes_;  ///< by segment; guarded by mutex_
  std::multimap<time_point, operation> delayed_;  ///< guarded by mutex_
  std::atomic<std::uint64_t> power_cuts_{0};
  std::atomic<std::uint64_t> under_way_{0};    ///< in the device behind
  std::atomic<std::uint64_t> from_before_{0};  ///< of these, begun before the last power cut
  std::unique_ptr<device> behind_;             ///< last: its end is awaited first
};

/// The same with a thread that drives it by the clock.
std::unique_ptr<device> make_faulty_device(std::unique_ptr<device> behind, std::shared_ptr<fault_dice> dice,
                                           const fault_times& times = {});

}  // namespace chromatin::io

#include "io/faulty_device.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <thread>
#include <utility>

#include "kv/page.hpp"

namespace chromatin::io {
namespace {

/// What a caller must not take for data: a short read leaves it behind what it moved.
constexpr std::byte garbage{0xa5};

void flip_a_bit(std::span<std::byte> bytes, fault_dice& dice) {
  auto bit = dice.draw(bytes.size() * 8);
  bytes[bit / 8] ^= std::byte{1} << static_cast<int>(bit % 8);
}

}  // namespace

/// A sync on its way: the pieces of the cache that are being written.
struct faulty_device::flush {
  operation op;
  write_cache::sectors written;
  std::atomic<std::size_t> left{1};
  std::atomic<int> error{0};
};

faulty_device::faulty_device(std::unique_ptr<device> behind, std::shared_ptr<fault_dice> dice, const fault_times& times,
                             std::uint32_t running_max)
    : device{behind->segments(), running_max}, dice_{std::move(dice)}, times_{times}, behind_{std::move(behind)} {
  for (std::uint32_t i = 0; i < segments(); ++i) volumes_.push_back(std::make_unique<volume>(dice_->counts()));
}

faulty_device::~faulty_device() = default;

// -- what begins when --

bool faulty_device::poll(time_point now, std::size_t count) {
  bool any = false;
  for (; count > 0 && from_before_ == 0; --count, any = true) {
    auto op = next_due_or_new(now);
    if (!op) break;
    begin(*std::move(op));
  }
  return any;
}

std::optional<operation> faulty_device::next_due_or_new(time_point now) {
  {
    std::lock_guard lock{mutex_};
    if (auto first = delayed_.begin(); first != delayed_.end() && first->first <= now)
      return std::move(delayed_.extract(first).mapped());
  }
  while (auto op = next()) {
    auto due = delay(now);
    if (!due) return op;
    std::lock_guard lock{mutex_};
    delayed_.emplace(*due, *std::move(op));
  }
  return {};
}

std::optional<faulty_device::time_point> faulty_device::delay(time_point now) {
  if (now == time_point::max()) return {};
  if (dice_->strikes(fault::stuck)) return now + times_.stuck_for;
  if (!dice_->strikes(fault::slow)) return {};
  auto most = static_cast<std::uint64_t>(times_.slow_max.count());
  return now + std::chrono::nanoseconds{1 + dice_->draw(most)};
}

std::optional<faulty_device::time_point> faulty_device::next_due() const {
  std::lock_guard lock{mutex_};
  return delayed_.empty() ? std::nullopt : std::optional{delayed_.begin()->first};
}

void faulty_device::begin(operation op) {
  switch (op.what) {
    case operation::kind::read:
      return begin_read(std::move(op));
    case operation::kind::write:
      return begin_write(std::move(op));
    case operation::kind::sync:
      return begin_sync(std::move(op));
  }
}

template <class Call>
io_done faulty_device::expect(Call call) {
  ++under_way_;
  return [this, call = std::move(call), age = power_cuts_.load()](int error) mutable {
    if (age == power_cuts_) {
      call(error);
      wake();
    } else {
      --from_before_;
    }
    --under_way_;  // last: a device that ends waits for this
  };
}

void faulty_device::power_cut() {
  {
    std::lock_guard lock{mutex_};
    delayed_.clear();
    for (auto& v : volumes_) {
      v->fates.cut();
      v->cache.clear();
    }
  }
  ++power_cuts_;
  from_before_ = under_way_.load();
  forget_all();
}

// -- reading --

void faulty_device::begin_read(operation op) {
  if (dice_->strikes(fault::read_error)) return answered(std::move(op), -EIO);
  auto held = std::make_shared<operation>(std::move(op));
  // What was written before this read began must be in it, though its sync may end before the read does.
  write_cache::sectors seen;
  {
    std::lock_guard lock{mutex_};
    seen = volumes_[held->where.segment]->cache.within(held->where.offset_bytes, held->size_bytes);
  }
  behind_->read(held->where, {held->data, held->size_bytes}, held->wanted,
                expect([this, held, seen = std::move(seen)](int error) { end_read(*held, seen, error); }));
}

void faulty_device::end_read(operation& op, const write_cache::sectors& seen_at_start, int error) {
  if (error != 0) return answered(std::move(op), -error);
  std::span bytes{op.data, op.size_bytes};
  {
    std::lock_guard lock{mutex_};
    auto& cache = volumes_[op.where.segment]->cache;
    cache.lay_over(seen_at_start, op.where.offset_bytes, bytes);
    cache.lay_over(cache.within(op.where.offset_bytes, bytes.size()), op.where.offset_bytes, bytes);
  }
  if (dice_->strikes(fault::read_flip)) flip_a_bit(bytes, *dice_);
  auto moved = bytes.size();
  if (dice_->strikes(fault::short_read)) {
    moved = 1 + dice_->draw(bytes.size() - 1);
    std::ranges::fill(bytes.subspan(moved), garbage);
  }
  answered(std::move(op), static_cast<std::int64_t>(moved));
}

// -- writing --

std::vector<std::byte> faulty_device::bytes_of(const operation& op) {
  std::vector<std::byte> bytes(op.data, op.data + op.size_bytes);
  if (dice_->strikes(fault::write_flip)) flip_a_bit(bytes, *dice_);
  return bytes;
}

void faulty_device::begin_write(operation op) {
  for (auto [what, error] : {std::pair{fault::write_error, EIO}, std::pair{fault::no_space, ENOSPC}})
    if (dice_->strikes(what)) {
      store_part(op, dice_->draw(op.size_bytes));
      return answered(std::move(op), -error);
    }
  auto size = static_cast<std::int64_t>(op.size_bytes);
  if (dice_->strikes(fault::short_write)) {
    auto moved = 1 + dice_->draw(op.size_bytes - 1);
    store_part(op, moved);
    return answered(std::move(op), static_cast<std::int64_t>(moved));
  }
  if (dice_->strikes(fault::torn_write)) {
    store_part(op, dice_->draw(op.size_bytes));
    return answered(std::move(op), size);
  }
  auto where = op.where;
  if (dice_->strikes(fault::misdirected_write))  // what is before it surely exists
    where.offset_bytes = dice_->draw(where.offset_bytes / alignment_bytes + 1) * alignment_bytes;
  store(where, bytes_of(op));
  answered(std::move(op), size);
}

/// The whole blocks among the first `bytes_max` bytes.
void faulty_device::store_part(const operation& op, std::size_t bytes_max) {
  auto whole = bytes_max / alignment_bytes * alignment_bytes;
  if (whole > 0) store(op.where, std::span{op.data, whole});
}

void faulty_device::store(extent where, std::span<const std::byte> bytes) {
  auto fate = dice_->draw_fate(bytes.size() / alignment_bytes);
  {
    std::lock_guard lock{mutex_};
    auto& v = *volumes_[where.segment];
    v.cache.put(where.offset_bytes, bytes);
    v.fates.add(fate.at_cut);
  }
  if (fate.first == fate.last) return;
  where.offset_bytes += fate.first * alignment_bytes;
  write_behind(where, bytes.subspan(fate.first * alignment_bytes, (fate.last - fate.first) * alignment_bytes),
               expect([](int) {}));  // what goes wrong here will at the sync
}

void faulty_device::write_behind(extent to, std::span<const std::byte> bytes, io_done done) {
  auto copy = std::make_shared<kv::memory_block>(kv::plain_memory(bytes.size()));
  std::memcpy(copy->bytes().data(), bytes.data(), bytes.size());
  behind_->write(to, copy->bytes().first(bytes.size()), urgency::saving,
                 [copy, done = std::move(done)](int error) { done(error); });
}

// -- syncing --

/// As Linux does: pages that could not be written count as clean, and may be dropped at any time.
void faulty_device::fail_sync(std::uint32_t segment) {
  std::lock_guard lock{mutex_};
  auto& cache = volumes_[segment]->cache;
  for (const auto& [number, data] : write_cache::sectors{cache.all()})
    if (dice_->draw(2) == 0) cache.forget(number);
}

void faulty_device::begin_sync(operation op) {
  auto segment = op.where.segment;
  if (dice_->strikes(fault::sync_error)) {
    fail_sync(segment);
    return answered(std::move(op), -EIO);
  }
  auto f = std::make_shared<flush>();
  f->op = std::move(op);
  std::vector<write_cache::piece> pieces;
  {
    std::lock_guard lock{mutex_};
    auto& v = *volumes_[segment];
    f->written = v.cache.all();
    pieces = v.cache.pieces(f->written);
    v.fates.synced();
  }
  f->left += pieces.size();
  for (const auto& p : pieces)
    write_behind({segment, p.offset_bytes}, p.bytes, expect([this, f](int error) {
                   if (error != 0) f->error = error;
                   flushed(f);
                 }));
  flushed(f);
}

/// One more part of the flush is done; the last goes on to sync the device behind.
void faulty_device::flushed(const std::shared_ptr<flush>& f) {
  if (--f->left > 0) return;
  if (f->error != 0) return answered(std::move(f->op), -f->error);
  auto segment = f->op.where.segment;
  behind_->sync(segment, expect([this, f, segment](int error) {
                  if (error == 0) {
                    std::lock_guard lock{mutex_};
                    volumes_[segment]->cache.synced(f->written);
                  }
                  answered(std::move(f->op), -error);
                }));
}

// -- with a thread --

namespace {

class clocked_device final : public faulty_device {
 public:
  clocked_device(std::unique_ptr<device> behind, std::shared_ptr<fault_dice> dice, const fault_times& times)
      : faulty_device{std::move(behind), std::move(dice), times}, thread_{[this] { run(); }} {}

  ~clocked_device() override {
    {
      std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

 protected:
  void wake() override {
    {
      std::lock_guard lock{mutex_};
      changes_ = true;
    }
    changed_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock{mutex_};
    while (true) {
      // At the end nothing is waited for: what is stuck begins now.
      auto now = stopping_ ? time_point::max() : std::chrono::steady_clock::now();
      lock.unlock();
      poll(now);
      bool at_rest = idle() && quiet();
      auto due = next_due();
      lock.lock();
      if (stopping_ && at_rest) return;
      auto changed = [this] { return std::exchange(changes_, false); };
      if (stopping_)
        changed_.wait_for(lock, std::chrono::milliseconds{1}, changed);
      else if (due)
        changed_.wait_until(lock, *due, [&] { return changed() || stopping_; });
      else
        changed_.wait(lock, [&] { return changed() || stopping_; });
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool changes_ = false;   ///< guarded by mutex_
  bool stopping_ = false;  ///< guarded by mutex_
  std::thread thread_;
};

}  // namespace

std::unique_ptr<device> make_faulty_device(std::unique_ptr<device> behind, std::shared_ptr<fault_dice> dice,
                                           const fault_times& times) {
  return std::make_unique<clocked_device>(std::move(behind), std::move(dice), times);
}

}  // namespace chromatin::io

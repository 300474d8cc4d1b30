#pragma once

/// The CPU as a device: a queue of loops that a team of threads works off in order.
///
/// All threads are equal. Each has a share of the current loop's pieces and then takes from others' shares; whoever
/// ends the last piece opens the next loop. So the team waits for pieces and never for a thread: one that the kernel
/// has put aside for another process holds up nothing but the piece it may be in, and to make that rare, threads offer
/// their core to others between pieces. A thread that finds nothing to do spins for a short time, then sleeps, and the
/// kernel can move another one to its core.

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace chromatin::gpu {

class team {
 public:
  struct loop {
    /// Runs alone, when everything before is done, and says how many pieces follow; none is fine.
    std::function<std::uint32_t(std::uint32_t worker)> begin;
    /// Runs for every piece, on any thread: `worker` counts from 0 below the number of threads.
    std::function<void(std::uint32_t piece, std::uint32_t worker)> piece;
  };
  /// Loops that follow each other.
  using program = std::vector<loop>;

  /// `failed` gets the text of every exception that a loop threw, from any thread. The loop's other pieces run all the
  /// same. `start` runs first in every thread.
  team(std::uint32_t threads, std::function<void()> start, std::function<void(const char*)> failed);
  team(const team&) = delete;
  team& operator=(const team&) = delete;
  /// Ends what is in the queue, then the threads.
  ~team();

  /// Any thread, also from a loop's begin(). The same program may be pushed again and again.
  void push(std::shared_ptr<const program> loops);
  void push(program loops) { push(std::make_shared<const program>(std::move(loops))); }

 private:
  /// Pieces from `first` to `end` that nobody has taken yet, as one word: the owner takes the first, others the last.
  struct alignas(64) share {
    std::atomic<std::uint64_t> pieces{0};
    bool take_first(std::uint32_t& piece);
    bool take_last(std::uint32_t& piece);
  };

  void work(std::uint32_t worker);
  bool take(std::uint32_t worker, std::uint32_t& piece);
  bool take_or_wait(std::uint32_t worker, std::uint32_t& piece);
  void wait(std::uint32_t opened);
  bool next_loop();
  void advance(std::uint32_t worker);
  void open(std::uint32_t pieces);
  void call();  ///< threads that wait
  template <class Part>
  void guarded(Part part);

  std::function<void(const char*)> failed_;
  std::mutex mutex_;
  std::deque<std::shared_ptr<const program>> queue_;  ///< guarded, as is the next
  bool idle_ = true;                                  ///< no loop is open, and no thread is about to open one

  // Of the thread that opens loops.
  std::deque<std::shared_ptr<const program>> ready_;
  std::size_t place_ = 0;  ///< of the next loop, in the first of those
  bool ending_ = false;

  // The loop that is open: written while no piece of it is out.
  const loop* current_ = nullptr;
  std::vector<share> shares_;                             ///< of each thread
  alignas(64) std::atomic<std::uint32_t> unfinished_{0};  ///< pieces
  alignas(64) std::atomic<std::uint32_t> opened_{0};      ///< counts loops that threads are called to
  std::atomic<bool> ended_{false};
  std::vector<std::thread> threads_;
};

}  // namespace chromatin::gpu

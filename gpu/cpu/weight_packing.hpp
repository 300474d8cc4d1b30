#pragma once

/// Packs a model's weights behind whatever is computed meanwhile, in the order in which a step needs them, so that a
/// server is ready before they are all packed, and a first turn waits for one layer at a time.
///
/// Parts of a model (a layer, the head) are packed one after the other by a team of threads. A part's bytes are handed
/// over by one atomic count: the team stores it behind the part's last piece (release), and who waits for the part
/// reads it (acquire).

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gpu/cpu/packed_matrix.hpp"
#include "gpu/cpu/team.hpp"
#include "model/checkpoint.hpp"

namespace chromatin::gpu {

class weight_packing {
 public:
  /// Both may be empty; they are called in a thread that packs.
  struct listener {
    std::function<void(std::uint32_t part)> before_part;
    std::function<void(const std::string& why)> failed;  ///< once
  };
  weight_packing(std::shared_ptr<const model::checkpoint> checkpoint, std::uint32_t threads, listener told);
  /// Stops, and waits for the threads.
  ~weight_packing();

  // Before start(), by the one who makes the model. Matrices stay where they are, and longer than this.
  void add(packed_matrix& matrix, std::vector<std::string> tensors);
  void end_part();
  void start();

  /// Returns when a part, counted from 0, is packed: from then on its matrices are the caller's. One caller at a time.
  /// Throws std::runtime_error with one line when the part will never be packed.
  void wait_for(std::uint32_t part);
  /// Any thread: what is not packed by now never is, soon.
  void stop();

 private:
  team::loop packs(packed_matrix& matrix, std::vector<std::string> tensors);
  team::loop begins(std::uint32_t part);
  team::loop publishes(std::uint32_t part);
  void release_read(std::size_t bytes_min);
  void fail(const char* what);
  bool give_up(const std::string& why);
  bool gave_up() const { return packed_.load(std::memory_order_relaxed) == never; }

  static constexpr std::uint32_t never = ~0u;

  std::shared_ptr<const model::checkpoint> checkpoint_;
  std::uint32_t threads_, parts_ = 0;
  listener told_;
  bool in_part_ = false;                  ///< until start()
  team::program program_;                 ///< until start()
  std::size_t read_bytes_ = 0;            ///< of the files, since their pages were given back
  std::atomic<std::uint32_t> packed_{0};  ///< parts, or `never`
  std::mutex mutex_;
  std::string why_;             ///< guarded; of `never`
  std::unique_ptr<team> team_;  ///< until all is packed and waited for; the last: it uses all of the above
};

}  // namespace chromatin::gpu

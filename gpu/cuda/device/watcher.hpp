#pragma once

/// Calls when places in streams are reached.

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "gpu/cuda/device/first_error.hpp"

namespace chromatin::gpu::cuda {

/// A thread that looks at events again and again while there are any. It sleeps a few microseconds between two looks,
/// for a sixteenth of the time that nothing came; so a short wait ends soon, and a long one costs little of a core.
/// A host function in the stream (cudaLaunchHostFunc) would hold the stream, may not call CUDA, and is not called at
/// all once the device has failed.
class watcher {
 public:
  watcher(first_error& errors, int device);
  /// Calls whom it still owes a call.
  ~watcher();

  /// Calls when all that is in the stream by now is done; each stream's calls come in order. With false when the device
  /// has failed.
  void add(cudaStream_t where, std::function<void(bool passed)> call);

  /// True inside a call.
  bool is_own_call() const { return std::this_thread::get_id() == thread_.get_id(); }

 private:
  struct waiting {
    cudaEvent_t place;  ///< null when it could not be recorded
    std::function<void(bool passed)> call;
    bool passed = false;
  };
  cudaEvent_t recorded(cudaStream_t where);
  bool is_over(waiting& front);
  std::vector<waiting> take_over();
  void run();

  first_error& errors_;
  const int device_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<cudaStream_t, std::deque<waiting>> waiting_;
  std::vector<cudaEvent_t> unused_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace chromatin::gpu::cuda

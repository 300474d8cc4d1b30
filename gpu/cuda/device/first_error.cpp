#include "gpu/cuda/device/first_error.hpp"

#include <utility>

namespace chromatin::gpu::cuda {

std::string to_string(cudaError_t error) {
  return std::string{cudaGetErrorName(error)} + ": " + cudaGetErrorString(error);
}

bool first_error::passed(cudaError_t result, const char* where) {
  if (result == cudaSuccess) return true;
  cudaGetLastError();  // it is noted: the thread's next look is not to find it again
  note(to_string(result) + " (" + where + ")");
  return false;
}

void first_error::note(std::string sentence) {
  std::lock_guard lock{mutex_};
  if (text_.empty()) text_ = std::move(sentence);
  any_.store(true, std::memory_order_release);
}

std::string first_error::text() const {
  std::lock_guard lock{mutex_};
  return text_;
}

}  // namespace chromatin::gpu::cuda

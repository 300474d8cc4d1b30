#pragma once

/// From a checkpoint's tensors to a device.

#include <initializer_list>
#include <string>
#include <vector>

#include "gpu/cuda/device_array.hpp"
#include "model/weights.hpp"

namespace chromatin::gpu::cuda {

/// Uploads one array after the other through a few pinned pieces, in which values take the form that they get. For
/// the start; waits. One thread.
class uploader {
 public:
  explicit uploader(runtime& on);
  ~uploader();
  uploader(const uploader&) = delete;
  uploader& operator=(const uploader&) = delete;

  /// Rounded to bf16, one tensor after the other.
  device_array<std::uint16_t> matrix(const std::vector<const model::tensor*>& parts);
  /// As float, one tensor after the other.
  device_array<float> vector(const std::vector<const model::tensor*>& parts);
  device_array<float> floats(const std::vector<float>& values);
  /// Throws std::runtime_error when the device failed.
  void finish();

 private:
  static constexpr std::size_t piece_bytes = 32 << 20;

  /// A piece of pinned memory that no copy reads any more.
  std::byte* next_piece();
  /// Sends a tensor's values in the form that `fill` gives them, to a place behind others.
  template <class T, class Fill>
  void send(const device_array<T>& to, std::size_t offset, std::size_t count, Fill fill);

  runtime& on_;
  stream stream_;
  std::vector<device_array<std::byte>> pieces_;
  std::size_t used_ = 0;  ///< pieces since the last wait
};

}  // namespace chromatin::gpu::cuda

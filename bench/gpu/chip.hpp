#pragma once

/// What a chip's maker promises, by the device's name: NVIDIA's data sheets, dense, without sparsity.

#include <string>

namespace chromatin::bench {

struct chip {
  double bf16_per_s = 0;          ///< operations of tensor cores on bf16, sums in float; 0: not known
  double memory_bytes_per_s = 0;  ///< 0: not known
};

chip chip_of(const std::string& device_name);

/// What the machine does at best, measured in the same run.
struct machine_limits {
  chip nominal;
  double copy_bytes_per_s = 0;       ///< within the device, read and written bytes together
  double to_device_bytes_per_s = 0;  ///< from pinned memory
  double to_host_bytes_per_s = 0;
  double product_per_s = 0;  ///< operations of one large product

  /// The promise, or what was measured where nobody knows of one.
  double bf16_per_s() const { return nominal.bf16_per_s > 0 ? nominal.bf16_per_s : product_per_s; }
  double memory_bytes_per_s() const {
    return nominal.memory_bytes_per_s > 0 ? nominal.memory_bytes_per_s : copy_bytes_per_s;
  }
};

}  // namespace chromatin::bench

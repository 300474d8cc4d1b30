#pragma once

/// How a model and its tiers are laid into memory: what a server does at its start, and what `chromatin inspect` tells.

#include "actors/open_backend.hpp"

namespace chromatin {

struct model_memory {
  std::string device;  ///< the name of the one that computes; empty: the processor
  kv::dtype type = kv::dtype::bf16;
  std::uint64_t weight_bytes = 0;  ///< about, in the device's memory or the machine's
  std::uint64_t chunk_bytes = 0, window_bytes = 0;
  std::uint32_t context = 0;  ///< what fits of the model's: a window must fit into the device tier

  /// So many conversations of `tokens` tokens fit into so many bytes.
  std::uint64_t conversations(std::uint64_t bytes, std::uint32_t tokens) const {
    return bytes / (kv::chunks_for(tokens) * chunk_bytes);
  }
};

/// Settles what the options leave to model and machine (device_bytes, host_bytes, batch_max), and adds a line on it to
/// `notices`. Throws std::runtime_error with one line where there is no room.
model_memory fit_memory(const compute_place& place, const model::config& shape, system_options& options,
                        std::vector<std::string>& notices);

/// Pages of so many bytes in an arena; `option` names it. Throws std::runtime_error if there is none.
std::uint32_t pages_in(std::uint64_t bytes, std::size_t page_bytes, const char* option);

}  // namespace chromatin

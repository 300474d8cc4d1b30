#pragma once

/// How much memory the tiers get where nobody said so: what a machine can give beside the model, and no more than its
/// conversations need. Pure but for machine_memory().

#include <cstdint>
#include <optional>
#include <string>

namespace chromatin {

struct memory_of_machine {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;  ///< that a new process can have without swapping
};

/// As the kernel tells: of the machine, or of the control group (a container, a systemd unit) where that has less.
memory_of_machine machine_memory();

/// What is known before the model is loaded.
struct memory_needs {
  std::uint64_t weight_bytes = 0;  ///< in the machine's memory
  std::uint64_t chunk_bytes = 0;
  std::uint64_t window_bytes = 0;               ///< of a conversation that fills the context
  std::uint32_t batch_max = 1;                  ///< turns computed together
  std::optional<std::uint64_t> device_bytes{};  ///< as somebody said; or of another memory than the machine's, then 0
  std::optional<std::uint64_t> host_bytes{};    ///< as somebody said
};

struct memory_plan {
  std::uint64_t device_bytes = 0, host_bytes = 0;
  std::string notice;  ///< the sum, in one line for people
};

/// Whole chunks, at least one each. Of what is left beside the weights and a reserve, a quarter each at most: the
/// device tier gets a full window for every turn of a batch, the host tier what keeps many conversations warm. A single
/// window may take half. Where nothing is left, the least that works, and the notice says so.
memory_plan plan_memory(const memory_of_machine& machine, const memory_needs& needs);

}  // namespace chromatin

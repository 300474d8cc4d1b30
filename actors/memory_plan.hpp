#pragma once

/// How much memory the tiers get where nobody said so, and how many turns are computed together: what a machine can
/// give beside the model, and no more than its conversations need. Pure but for machine_memory().

#include <cstdint>
#include <optional>
#include <string>

namespace chromatin {

struct memory_of_machine {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;  ///< that a new process can have without swapping
};

/// About so much, for people: "1.5 GiB", "64 MiB".
std::string size_shown(std::uint64_t bytes);

/// As the kernel tells: of the machine, or of the control group (a container, a systemd unit) where that has less.
memory_of_machine machine_memory();

/// What is known before the model is loaded.
struct memory_needs {
  std::uint64_t weight_bytes = 0;
  std::uint64_t chunk_bytes = 0;
  std::uint64_t window_bytes = 0;  ///< of a conversation that fills the context
  /// Of the memory of its own that weights and device tier are in; empty: that is the machine's. Then `device_bytes`
  /// is known.
  std::string device{};
  std::optional<std::uint64_t> device_bytes{};  ///< as somebody said
  std::optional<std::uint64_t> host_bytes{};    ///< as somebody said
  std::optional<std::uint32_t> batch{};         ///< as somebody said: turns computed together
  std::uint32_t batch_max = 1;                  ///< else so many at most: what the backend is made for
};

struct memory_plan {
  std::uint64_t device_bytes = 0, host_bytes = 0;
  std::uint32_t batch = 1;
  std::string notice;  ///< the sum, in one line for people
};

/// Whole chunks, at least one each. Of what is left beside the weights and a reserve, a quarter each at most: the
/// device tier gets a full window for every turn of a batch, the host tier what keeps many conversations warm. A single
/// window may take half. A batch has as many turns as find room for 128 tokens each: with fewer, they would push each
/// other out. Where nothing is left, the least that works, and the notice says so.
memory_plan plan_memory(const memory_of_machine& machine, const memory_needs& needs);

}  // namespace chromatin

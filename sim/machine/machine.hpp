#pragma once

/// A machine with a model on it, as numbers: how fast it computes, what its tiers hold, how fast bytes move between
/// them, what it costs. From a TOML file such as those in assets/machines, which say where each number comes from.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kv/lineage.hpp"
#include "sim/keyed_file.hpp"

namespace chromatin::sim {

struct machine {
  std::string name;

  double layers = 0;
  double kv_bytes_per_token = 0;  ///< all layers
  double context_tokens = 0;

  double gpus = 1;
  double prefill_us_per_token = 0;
  double attention_us_per_token = 0;  ///< more, for each thousand tokens that the token sees
  double decode_us = 0;               ///< of a step, whatever is in it
  double decode_us_per_token = 0;     ///< more, for each thousand tokens that its sequences have
  double step_tokens = 2048;          ///< new tokens of one step at most
  double batch = 24;
  double queue = 1024;  ///< turns that wait at the scheduler; more wait outside, where nobody looks ahead

  double device_gb = 0, host_gb = 0, disk_gb = 0;  ///< room for keys and values; 0: there is no such tier
  double to_device_gb_per_s = 0, to_host_gb_per_s = 0, copy_latency_us = 10;
  double disk_read_gb_per_s = 0, disk_write_gb_per_s = 0, disk_latency_us = 100;

  double gpu_per_h = 0, host_gb_per_h = 0, disk_gb_per_h = 0;  ///< dollars

  /// What CachedAttention's ablations change.
  bool device_keeps = true;           ///< false: the device holds who runs, and is no tier for the others
  bool layerwise_loading = true;      ///< false: a turn computes when all that it loads is there (§3.2.1)
  bool recomputes = true;             ///< what is computed sooner than loaded; false: whatever is there is loaded
  bool asynchronous_saving = true;    ///< false: a step ends when all that it saves has left the device (§3.2.2)
  bool valid_over_truncation = true;  ///< false: what stays of a truncated window is computed again (§3.4)
  bool idle_prefetch = true;          ///< false: only turns that wait are fetched for
  bool policies_hear_queue = true;    ///< false: only the prefetcher does
  bool exact = true;  ///< false: a truncated window that lost a chunk starts afresh, whatever it was computed from

  /// What happens to full windows.
  kv::overflow_policy overflow() const {
    kv::overflow_policy policy;
    if (!exact) policy.history_tokens_max = 0;
    return policy;
  }
};

/// `changes`: "key=value" in place of the file's. Throws std::runtime_error with one line: file, line, key, the way
/// out.
machine read_machine(const std::filesystem::path& file, const changes& with = {});
/// All keys that a machine's file may have.
std::vector<std::string> machine_keys();

}  // namespace chromatin::sim

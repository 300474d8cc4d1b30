#pragma once

/// All actors from the scheduler down, as actors/launch.cpp wires them, on one thread under a virtual clock, with a
/// device and a disk that are modelled. Turns enter at the scheduler.

#include <functional>
#include <memory>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include "actors/disk_tier.hpp"
#include "actors/scheduler.hpp"
#include "sim/machine/modelled_backend.hpp"
#include "sim/machine/modelled_disk.hpp"

namespace chromatin::sim {

struct stage_options {
  std::uint32_t block_tokens = kv::tokens_per_chunk;  ///< of the model, that a chunk stands for
  std::uint32_t context_tokens = 0;                   ///< of a window
  std::uint64_t cache_tokens = 0;                     ///< that host and disk hold together; 0: what the machine has
  kv::policy_choice policy = {};                      ///< of all tiers
};

class stage {
 public:
  /// Throws std::runtime_error with one line if the device has no room for a window. The machine outlives it.
  stage(const machine& m, const stage_options& options);
  ~stage();
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;

  /// A turn begins now. `ended` is called when it has: with its outcome, or null and why not.
  void begin(turn_order order, std::function<void(const turn_outcome*, const std::string&)> ended);
  /// Until nothing is left to do, or `until` says so between two moments.
  void run(const std::function<bool()>& until);
  /// What an actor counts now.
  std::int64_t counter(const measured_actor& of, const std::string& name);

  timeline& events() { return events_; }
  const model_of_time& time() const { return time_; }
  std::uint32_t context() const { return checkpoint_->config.context; }  ///< in units
  kv::chunk_key root() const { return {1, 1}; }
  /// Tokens of the model that the tiers below the device hold.
  std::uint64_t capacity_tokens() const;
  const modelled_backend& backend() const { return *backend_; }
  const modelled_disk* disk() const { return disk_device_.get(); }
  double simulated_s() const;

  scheduler_actor scheduler;
  device_tier_actor device;
  host_tier_actor host;       ///< null: there is no such tier
  disk_tier_actor disk_tier;  ///< likewise
  executor_actor executor;
  prefetcher_actor prefetcher;

 private:
  struct config : caf::actor_system_config {
    config() {
      set("scheduler.policy", caf::atom("testing"));
      set("logger.inline-output", true);
    }
  };
  /// Chunks of each tier.
  struct room {
    std::uint32_t device = 0, host = 0, disk = 0;
  };
  room room_of(const stage_options& options) const;
  void spawn_host(const stage_options& options);
  void spawn_disk(const stage_options& options);

  const machine& machine_;
  model_of_time time_;
  config config_;
  caf::actor_system system_{config_};
  caf::scheduler::test_coordinator& coordinator_;
  timeline events_;
  room room_;
  std::uint64_t block_tokens_;
  std::shared_ptr<const model::checkpoint> checkpoint_;
  std::shared_ptr<modelled_backend> backend_;
  std::shared_ptr<modelled_disk> disk_device_;
  catalog_actor catalog_;
  caf::actor clients_;
};

}  // namespace chromatin::sim

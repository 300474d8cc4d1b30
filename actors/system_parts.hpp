#pragma once

/// What a running system is made of: the inside of actors/launch.hpp, which launch.cpp starts and stops, and care.cpp
/// keeps up.

#include <map>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include "actors/disk_tier.hpp"
#include "actors/keeper.hpp"
#include "actors/launch.hpp"
#include "actors/open_backend.hpp"
#include "actors/supervisor.hpp"
#include "gpu/backend.hpp"
#include "io/cache_folders.hpp"
#include "io/chunk_store.hpp"
#include "io/registry_store.hpp"

namespace chromatin {

struct system_config : caf::actor_system_config {
  system_config() {
    // Idle workers of the default policy poll with pauses of up to 10 ms; those of this one wake up at once.
    set("scheduler.policy", caf::atom("sharing"));
  }
};

/// Where the kernel refuses io_uring.
inline constexpr std::uint32_t disk_device_threads = 8;

/// What chat templates tell the time by.
std::int64_t wall_clock_s();

struct running_system::parts {
  explicit parts(system_options o) : options{std::move(o)} {}

  /// A third of the host's room may be filled ahead of need; the rest is for what was used.
  std::uint32_t prefetch_window() const { return std::max(1u, host_arena->capacity() / 3); }
  void open_model();
  void open_disk();
  void open_conversations(const std::string& served);
  std::function<void(const key_list&)> eraser_elsewhere() const;
  void open_archive();
  void spawn_all();
  void spawn_disk_tier(std::vector<io::stored_chunk> found);
  void spawn_executor();
  void spawn_host_tier();
  void spawn_prefetcher();
  void spawn_archive();
  caf::strong_actor_ptr tell_archive();
  void hear_turns();

  // In the supervisor:
  std::map<std::string, part_care> cares();
  caf::strong_actor_ptr start_executor();
  caf::strong_actor_ptr start_host_tier();
  caf::expected<caf::strong_actor_ptr> start_disk_tier();
  caf::strong_actor_ptr start_prefetcher();
  caf::strong_actor_ptr start_archive();
  /// Tells the telemetry of a part; answers with it.
  template <class Actor>
  caf::strong_actor_ptr tell(const std::string& part, const Actor& actor) {
    auto handle = caf::actor_cast<caf::strong_actor_ptr>(actor);
    caf::anon_send(telemetry, atom::attach_v, part, handle);
    return handle;
  }
  /// Of a tier, which can be asked for chunks, too.
  template <class Tier>
  caf::strong_actor_ptr tell_tier(const std::string& part, const Tier& tier) {
    caf::anon_send(telemetry, atom::attach_v, part, chunk_holder_actor{tier});
    return tell(part, tier);
  }
  void on_fatal(const std::string& part, const std::string& why);

  void flush();
  void end_supervisor();
  void stop();

  system_options options;
  std::vector<std::string> notices;
  system_config config;
  std::unique_ptr<caf::actor_system> system;

  std::shared_ptr<const model::checkpoint> checkpoint;
  kv::geometry geometry;
  kv::policy_choice policy;  ///< of every tier: they hear of the same uses, and go on with what was learned of them
  kv::fingerprint cache;
  std::shared_ptr<gpu::backend> backend;
  std::shared_ptr<kv::page_arena> device_arena, host_arena;
  std::shared_ptr<io::chunk_store> chunks;
  std::vector<io::model_cache> other_caches;  ///< in the folder, of models that are not served
  std::shared_ptr<io::registry_store> conversations;
  std::vector<io::stored_chunk> found_at_start;  ///< in `chunks`
  disk_parts disk;
  std::shared_ptr<archive::laboratory> laboratory;
  std::shared_ptr<archive::keeper> archive_work;  ///< null: there is no archive

  telemetry_actor telemetry;
  supervisor_actor supervisor;
  executor_actor executor;
  device_tier_actor device_tier;
  host_tier_actor host_tier;
  disk_tier_actor disk_tier;
  prefetcher_actor prefetcher;
  scheduler_actor scheduler;
  registry_actor registry;
  gateway_actor gateway;
  keeper_actor keeper;
  carrier_actor carrier;
  archivist_actor archivist;
};

}  // namespace chromatin

#include "actors/launch.hpp"

#include <algorithm>
#include <chrono>
#include <latch>
#include <new>
#include <system_error>
#include <thread>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "actors/device_tier.hpp"
#include "actors/disk_tier.hpp"
#include "actors/executor.hpp"
#include "actors/gateway.hpp"
#include "actors/host_tier.hpp"
#include "actors/model_memory.hpp"
#include "actors/open_backend.hpp"
#include "actors/prefetcher.hpp"
#include "actors/registry.hpp"
#include "actors/scheduler.hpp"
#include "actors/system_parts.hpp"
#include "actors/telemetry.hpp"

namespace chromatin {
namespace {

/// Without a turn that waits, between looks at which conversations are likely to return.
constexpr auto idle_pause = std::chrono::seconds{1};
constexpr auto flush_within = std::chrono::seconds{30};

/// Memory is taken at the start, so that it is never missing later.
template <class Make>
std::shared_ptr<kv::page_arena> make_arena(const char* option, std::uint64_t bytes, Make make) try {
  return make();
} catch (const std::bad_alloc&) {
  throw std::runtime_error(fmt::format("{} {}: the system has no such amount of memory; ask for less", option, bytes));
}

/// Threads for the backend and for actors, and some to spare for who serves clients. What the system refuses must be
/// known before there are actors, for which their system would wait for ever.
void check_threads(std::uint32_t of_backend) {
  const auto cores = std::max(std::thread::hardware_concurrency(), 4u);
  const auto wanted = cores + 2 * std::max(cores, of_backend) + 2 * disk_device_threads;
  std::latch over{1};
  std::vector<std::jthread> threads;
  std::string refused;
  try {
    while (threads.size() < wanted) threads.emplace_back([&] { over.wait(); });
  } catch (const std::system_error& e) {
    refused = e.what();
  }
  over.count_down();
  if (!refused.empty())
    throw std::runtime_error(
        fmt::format("the system gives {} of {} threads ({}); raise its limit (ulimit -u, or TasksMax of the service)",
                    threads.size(), wanted, refused));
}

}  // namespace

std::int64_t wall_clock_s() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

void running_system::parts::open_model() {
  auto shape = model::read_config(options.model, options.context);
  if (!shape.unknown_keys.empty())
    notices.push_back(fmt::format("{}: keys that are not known, taken as remarks: {}", options.model.string(),
                                  fmt::join(shape.unknown_keys, ", ")));
  auto place = choose_place(options, notices, model::traits_beyond_llama(shape));
  auto fit = fit_memory(place, shape, options, notices);
  checkpoint = model::checkpoint::open(options.model, fit.context);
  backend = open_backend(place, checkpoint, options);
  if (options.wrap_backend) backend = options.wrap_backend(std::move(backend));
  geometry = backend->geometry();
  cache = checkpoint->cache_fingerprint(place.type, options.weights);
  device_arena = make_arena("--device-mem", options.device_bytes, [&] {
    return backend->make_arena(pages_in(options.device_bytes, fit.chunk_bytes, "--device-mem"));
  });
  host_arena = make_arena("--host-mem", options.host_bytes, [&] {
    auto count = pages_in(options.host_bytes, fit.chunk_bytes, "--host-mem");
    return kv::page_arena::make(host_memory(place, count * fit.chunk_bytes), fit.chunk_bytes);
  });
  notices.push_back(
      fmt::format("model {}: {}, template of {}", checkpoint->name, backend->description(), checkpoint->chat.name()));
}

void running_system::parts::spawn_disk_tier(std::vector<io::stored_chunk> found) {
  disk_tier = system->spawn(chromatin::disk_tier, geometry, disk, std::move(found));
}

void running_system::parts::spawn_executor() {
  executor = system->spawn(chromatin::executor, backend);
  caf::anon_send(executor, atom::attach_v, device_tier);
}

void running_system::parts::spawn_host_tier() {
  host_tier = system->spawn(chromatin::host_tier, host_parts{geometry, host_arena, backend, policy});
}

void running_system::parts::spawn_prefetcher() {
  prefetcher = system->spawn(chromatin::prefetcher, geometry.layers, prefetch_window(), idle_pause);
}

/// Scheduler and executor hear of turns' pages.
void running_system::parts::hear_turns() {
  caf::anon_send(device_tier, atom::attach_v, caf::actor_cast<turn_listener_actor>(scheduler),
                 caf::actor_cast<layer_sink_actor>(executor));
}

void running_system::parts::spawn_all() {
  system = std::make_unique<caf::actor_system>(config);
  telemetry = system->spawn(chromatin::telemetry);
  device_tier = system->spawn(chromatin::device_tier, device_parts{geometry, device_arena, backend, policy});
  spawn_host_tier();
  spawn_prefetcher();
  spawn_executor();
  scheduler_limits limits{.step_tokens_max = options.step_tokens_max,
                          .batch_max = options.batch_max,
                          .queue_max = options.queue_max,
                          .overflow = options.overflow,
                          .loading = options.loading};
  scheduler = system->spawn(chromatin::scheduler, checkpoint, executor, device_tier, limits);
  registry = system->spawn<caf::detached>(chromatin::registry, checkpoint, cache, conversations,
                                          registry_limits{options.overflow, options.conversations_max,
                                                          options.keep_reasoning, wall_clock_s, eraser_elsewhere()});
  caf::anon_send(registry, atom::attach_v, eraser_actor{device_tier});
  gateway = system->spawn(
      chromatin::gateway, registry, scheduler, eraser_actor{device_tier},
      gateway_limits{.message_bytes_max = options.message_bytes_max, .on_archived = options.archive.on_turn});
  supervisor = system->spawn<caf::detached>(
      chromatin::supervisor, cares(), [this](const std::string& part, const std::string& why) { on_fatal(part, why); });

  hear_turns();
  caf::anon_send(device_tier, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(host_tier));
  caf::anon_send(prefetcher, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(host_tier));
  caf::anon_send(scheduler, atom::attach_v, prefetcher);
  if (chunks) {
    disk.catalog = system->spawn<caf::detached>(chromatin::catalog, chunks);
    spawn_disk_tier(std::move(found_at_start));
    caf::anon_send(host_tier, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(disk_tier));
  }
  if (archive_work) spawn_archive();
  auto watch = [this](std::string part, const caf::strong_actor_ptr& actor) {
    caf::anon_send(supervisor, atom::attach_v, std::move(part), actor);
  };
  watch("gateway", tell("gateway", gateway));
  watch("registry", tell("registry", registry));
  watch("scheduler", tell("scheduler", scheduler));
  watch("prefetcher", tell("prefetcher", prefetcher));
  watch("executor", tell("executor", executor));
  watch("device-tier", tell_tier("device-tier", device_tier));
  watch("host-tier", tell_tier("host-tier", host_tier));
  if (disk_tier) watch("disk-tier", tell_tier("disk-tier", disk_tier));
  if (archivist) watch("archivist", tell_archive());
  caf::anon_send(telemetry, atom::attach_v, std::string{"supervisor"},
                 caf::actor_cast<caf::strong_actor_ptr>(supervisor));
}

/// Waits until what was handed to the tiers is on the disk. From the top down: a tier hands on what it has before it
/// tells the one above that it has it.
void running_system::parts::flush() {
  if (!disk_tier) return;
  caf::scoped_actor self{*system};
  auto ask = [&](const auto& actor) {
    std::int64_t waiting = 0;
    self->request(actor, std::chrono::seconds{5}, atom::stats_v)
        .receive(
            [&](const counters& c) {
              for (const auto& [key, value] : c.values)
                if (key == "saves_waiting") waiting = value;
            },
            [](const caf::error&) {});
    return waiting;
  };
  auto give_up = std::chrono::steady_clock::now() + flush_within;
  while (true) {
    auto in_device = ask(device_tier), in_host = ask(host_tier), on_disk = ask(disk_tier);
    if (in_device + in_host + on_disk == 0) return;
    if (std::chrono::steady_clock::now() > give_up)
      return spdlog::warn(
          "chunks that were not saved within {} s are lost: {} of the device, {} of the host, {} of the disk",
          flush_within.count(), in_device, in_host, on_disk);
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
}

/// First, and waited for: it must not start again what ends now, and the handles are its own until it has ended.
void running_system::parts::end_supervisor() {
  caf::scoped_actor self{*system};
  caf::anon_send_exit(supervisor, caf::exit_reason::user_shutdown);
  self->wait_for(supervisor);
}

void running_system::parts::stop() {
  auto end = [](auto& actor) {
    if (actor) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    actor = nullptr;
  };
  end_supervisor();
  end(gateway);
  end(archivist);  // with its keeper
  end(scheduler);
  end(prefetcher);
  flush();
  end(executor);
  end(device_tier);
  end(host_tier);
  end(disk_tier);
  end(disk.catalog);
  end(registry);
  end(telemetry);
  system->await_all_actors_done();
}

running_system::running_system(system_options options) : parts_{std::make_unique<parts>(std::move(options))} {
  check_threads(parts_->options.threads);
  parts_->open_model();
  parts_->open_disk();
  parts_->open_archive();
  parts_->spawn_all();
}

running_system::~running_system() { parts_->stop(); }

caf::actor_system& running_system::actors() { return *parts_->system; }
const gateway_actor& running_system::gateway() const { return parts_->gateway; }
const telemetry_actor& running_system::telemetry() const { return parts_->telemetry; }
const supervisor_actor& running_system::supervisor() const { return parts_->supervisor; }
const model::checkpoint& running_system::checkpoint() const { return *parts_->checkpoint; }
const std::vector<std::string>& running_system::notices() const { return parts_->notices; }
void running_system::stop_packing() { parts_->backend->stop_packing(); }

}  // namespace chromatin

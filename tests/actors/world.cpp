#include "tests/actors/world.hpp"

#include <chrono>

#include <caf/event_based_actor.hpp>

namespace chromatin::test {
namespace {

caf::strong_actor_ptr erased(const auto& actor) { return caf::actor_cast<caf::strong_actor_ptr>(actor); }

}  // namespace

world::world(world_options o)
    : options{o},
      scheduler_thread{dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())},
      checkpoint{model::checkpoint::open(std::string{CHROMATIN_SOURCE_DIR} + "/assets/concierge", o.context)} {
  auto backend = std::make_shared<toy_backend>(checkpoint->config.vocabulary);
  geometry = backend->geometry();
  auto arena = [&](std::uint32_t chunks) {
    return kv::page_arena::make(kv::plain_memory(chunks * geometry.chunk_bytes()), geometry.chunk_bytes());
  };
  device_arena = arena(o.device_chunks);
  host_arena = arena(o.host_chunks);
  auto cache = checkpoint->cache_fingerprint(geometry.type);
  executor = system.spawn(chromatin::executor, backend);
  device = system.spawn(device_tier, geometry, device_arena, caf::actor_cast<layer_sink_actor>(executor));
  prefetcher = system.spawn(chromatin::prefetcher, geometry.layers, o.host_chunks / 3);
  scheduler = system.spawn(chromatin::scheduler, checkpoint, executor, device,
                           scheduler_limits{.step_tokens_max = o.step_tokens_max,
                                            .batch_max = o.batch_max,
                                            .queue_max = o.queue_max,
                                            .overflow = o.overflow});
  registry = system.spawn(chromatin::registry, checkpoint, cache,
                          std::make_shared<io::registry_store>(std::filesystem::path{}), o.overflow);
  gateway = system.spawn(chromatin::gateway, registry, scheduler, gateway_limits{});
  caf::anon_send(executor, atom::attach_v, device);
  caf::anon_send(scheduler, atom::attach_v, prefetcher);
  if (o.disk) {
    store = std::make_shared<io::chunk_store>(
        io::chunk_store_options{folder / "store", o.disk_chunks * geometry.chunk_bytes(), geometry, cache});
    disk_device = std::make_shared<io::memory_device>(store->layout().segment_sizes_bytes(), o.shuffle_seed);
    catalog = system.spawn(chromatin::catalog, store);
    spawn_disk({});
  }
  spawn_host();
}

world::~world() {
  for (auto actor : {erased(gateway), erased(registry), erased(scheduler), erased(prefetcher), erased(device),
                     erased(executor), erased(host), erased(disk), erased(catalog)})
    if (actor) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  run();
}

void world::spawn_host() {
  host = system.spawn(host_tier, geometry, host_arena);
  if (disk) caf::anon_send(host, atom::attach_v, erased(disk));
  caf::anon_send(device, atom::attach_v, erased(host));
  caf::anon_send(prefetcher, atom::attach_v, erased(host));
}

void world::spawn_disk(std::vector<io::stored_chunk> found) {
  disk = system.spawn(disk_tier, geometry, disk_parts{disk_device, store->layout(), catalog}, std::move(found));
}

void world::run() {
  while (true) {  // messages first, then the disk, and only when nothing else is left the clock
    if (scheduler_thread.try_run_once()) continue;
    if (disk_device && !disk_stalled && disk_device->poll(1)) continue;
    if (scheduler_thread.trigger_timeout()) continue;
    return;
  }
}

turn_id world::say(const std::string& conversation, const std::string& text, std::uint32_t answer_tokens, bool reuse) {
  auto id = next_turn_++;
  auto& end = endings_[id];
  auto sink = sinks_[id] = std::make_shared<collecting_sink>();
  say_request request{.turn = id, .conversation = {"tenant", conversation}, .text = text, .reuse = reuse};
  request.sampling.tokens_max = answer_tokens;
  system.spawn([&end, sink, request, to = gateway](caf::event_based_actor* self) {
    self->request(to, caf::infinite, atom::say_v, request, std::shared_ptr<token_sink>{sink})
        .then(
            [&end, sink](const turn_statistics& statistics) {
              end = {true, statistics, {}, sink->all};
            },
            [&end, sink](const caf::error& error) {
              end = {true, {}, explain(error), sink->all};
            });
  });
  return id;
}

turn_statistics world::talk(const std::string& conversation, const std::string& text, std::uint32_t answer_tokens) {
  auto id = say(conversation, text, answer_tokens);
  run();
  EXPECT_TRUE(outcome(id).done);
  EXPECT_EQ(outcome(id).error, "");
  return outcome(id).statistics;
}

std::int64_t world::counter(const measured_actor& of, const std::string& name) {
  std::int64_t result = -1;
  system.spawn([&](caf::event_based_actor* self) {
    self->request(of, caf::infinite, atom::stats_v).then([&](const counters& c) {
      for (const auto& [key, value] : c.values)
        if (key == name) result = value;
    });
  });
  run();
  return result;
}

conversation_info world::info(const std::string& conversation) {
  conversation_info result;
  system.spawn([&](caf::event_based_actor* self) {
    self->request(gateway, caf::infinite, atom::open_v, conversation_ref{"tenant", conversation}, std::string{})
        .then([&](const conversation_info& i) { result = i; });
  });
  run();
  return result;
}

void world::kill(const caf::strong_actor_ptr& who) { caf::anon_send_exit(who, caf::exit_reason::kill); }

}  // namespace chromatin::test

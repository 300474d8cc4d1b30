#include "tests/actors/world.hpp"

#include <algorithm>
#include <chrono>

#include <caf/event_based_actor.hpp>

#include "gpu/cuda/cuda_backend.hpp"
#include "tests/support/tiny_model.hpp"

namespace chromatin::test {
namespace {

/// With a window that fits into the device, as the launcher has it.
std::shared_ptr<const model::checkpoint> open_checkpoint(const world_options& o) {
  auto folder = o.cuda ? tiny_model() : std::string{CHROMATIN_SOURCE_DIR} + "/assets/concierge";
  auto context = o.context > 0 ? o.context : model::read_config(folder).context;
  return model::checkpoint::open(folder, std::min(context, o.device_chunks * kv::tokens_per_chunk));
}

}  // namespace

machine::machine(std::uint64_t seed, bool faulty_files)
    : disk_dice{std::make_shared<io::fault_dice>(seed)}, file_dice{std::make_shared<io::fault_dice>(seed + 1)} {
  if (faulty_files) files.emplace(file_dice);
}

world::world(world_options o, std::shared_ptr<machine> given)
    : options{o},
      on{given ? std::move(given) : std::make_shared<machine>(o.shuffle_seed, o.durable)},
      scheduler_thread{dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())},
      checkpoint{open_checkpoint(o)} {
  delays_.seed(o.shuffle_seed);
  start_device();
  auto cache = checkpoint->cache_fingerprint(geometry.type);
  executor = system.spawn(chromatin::executor, computes);
  device = system.spawn(device_tier, device_parts{geometry, device_arena, computes, {options.policy}});
  scheduler = system.spawn(chromatin::scheduler, checkpoint, executor, device,
                           scheduler_limits{.step_tokens_max = o.step_tokens_max,
                                            .batch_max = o.batch_max,
                                            .queue_max = o.queue_max,
                                            .overflow = o.overflow});
  registry = system.spawn(
      chromatin::registry, checkpoint, cache,
      std::shared_ptr<io::registry_store>{io::open_registry(
          o.durable ? on->folder / "registry" : std::filesystem::path{}, io::secret_salts("a secret of the tests"))},
      registry_limits{.overflow = o.overflow});
  gateway_limits limits;
  limits.on_archived = o.archive.value_or(archived_turn::ticket);
  gateway = system.spawn(chromatin::gateway, registry, scheduler, eraser_actor{device}, limits);
  connect_executor();
  if (o.disk) {
    store = std::make_shared<io::chunk_store>(
        io::chunk_store_options{on->folder / "store", o.disk_chunks * geometry.chunk_bytes(), geometry, cache});
    if (!on->disk) {
      on->medium = new io::memory_device{store->layout().segment_sizes_bytes(), o.shuffle_seed};
      on->disk = std::make_shared<io::faulty_device>(std::unique_ptr<io::device>{on->medium}, on->disk_dice);
    }
    disk_device = on->disk;
    spawn_catalog();
    spawn_disk(store->load());
  }
  spawn_prefetcher();
  spawn_host();
  if (o.archive) spawn_archive();
}

void world::spawn_archive() {
  const lab_clock clock = [this] { return laboratory_time(); };
  const archive::served_cache cache{geometry,
                                    options.archive_model.value_or(checkpoint->cache_fingerprint(geometry.type))};
  archive::keeper_options shape{.folder = on->folder / "tubes", .cache = cache};
  shape.geometry.levels = options.archive_levels;
  if (options.archive_schedule) shape.schedule = on->folder / "schedule";
  const auto work = std::make_shared<archive::keeper>(shape, on->laboratory);
  keeper = system.spawn(chromatin::keeper, work, clock, false);
  carrier = system.spawn(chromatin::carrier, carrier_options{cache, work->room_bytes()});
  if (disk) caf::anon_send(carrier, atom::attach_v, erased(disk));
  archivist = system.spawn(chromatin::archivist, registry, keeper, carrier, eraser_actor{device}, clock,
                           archivist_options{.idle = options.archive_idle,
                                             .schedule = options.archive_schedule,
                                             .expect = options.archive_expect,
                                             .usual = on->laboratory->usual(),
                                             .simulated = true});
  caf::anon_send(gateway, atom::attach_v, archivist);
}

void world::start_device() {
  const auto& o = options;
  if (o.cuda) {
    cuda = gpu::cuda::make_emulated_device({.seed = o.shuffle_seed, .own_thread = false});
    computes = gpu::make_cuda_backend(
        checkpoint, cuda, {.step_tokens_max = o.step_tokens_max, .verify = o.verify, .deterministic = true});
  } else {
    backend = std::make_shared<toy_backend>(toy_options{.vocabulary = checkpoint->config.vocabulary,
                                                        .seed = o.shuffle_seed,
                                                        .orders_loads = o.orders_loads,
                                                        .verify = o.verify,
                                                        .token_us = o.token_us});
    computes = backend;
  }
  geometry = computes->geometry();
  device_arena = computes->make_arena(o.device_chunks);
  auto host_bytes = o.host_chunks * geometry.chunk_bytes();
  host_arena =
      kv::page_arena::make(cuda ? cuda->pinned(host_bytes) : kv::plain_memory(host_bytes), geometry.chunk_bytes());
}

world::~world() {
  doomed_ = nullptr;
  for (const auto& part : parts()) caf::anon_send_exit(part, caf::exit_reason::user_shutdown);
  run();
}

std::vector<caf::strong_actor_ptr> world::parts() const {
  std::vector<caf::strong_actor_ptr> all{erased(gateway), erased(registry),  erased(scheduler), erased(prefetcher),
                                         erased(device),  erased(executor),  erased(host),      erased(disk),
                                         erased(catalog), erased(archivist), erased(keeper),    erased(carrier)};
  std::erase(all, nullptr);
  return all;
}

void world::spawn_prefetcher() {
  prefetcher =
      system.spawn(chromatin::prefetcher, geometry.layers, std::max(1u, options.host_chunks / 3), options.idle_pause);
  caf::anon_send(scheduler, atom::attach_v, prefetcher);
  if (host) caf::anon_send(prefetcher, atom::attach_v, erased(host));
}

void world::connect_executor() {
  caf::anon_send(executor, atom::attach_v, device);
  caf::anon_send(device, atom::attach_v, caf::actor_cast<turn_listener_actor>(scheduler),
                 caf::actor_cast<layer_sink_actor>(executor));
}

void world::spawn_executor() {
  executor = system.spawn(chromatin::executor, computes);
  connect_executor();
  caf::anon_send(scheduler, atom::attach_v, executor);
}

void world::spawn_host() {
  host = system.spawn(host_tier, host_parts{geometry, host_arena, computes, {options.policy}});
  if (disk) caf::anon_send(host, atom::attach_v, erased(disk));
  caf::anon_send(device, atom::attach_v, erased(host));
  caf::anon_send(prefetcher, atom::attach_v, erased(host));
}

void world::spawn_catalog() { catalog = system.spawn(chromatin::catalog, store); }

void world::spawn_disk(std::vector<io::stored_chunk> found) {
  disk = system.spawn(
      disk_tier, geometry,
      disk_parts{disk_device, store->layout(), catalog, 0, {options.policy, store->learned(options.policy)}},
      std::move(found));
}

bool world::step() {
  bool early = options.fast_device || (options.delays_messages && delays_() % 8 == 0);
  if (early && poll_device()) return true;
  bool disk_moves = disk_device && !disk_stalled;
  if (disk_moves && options.delays_messages && delays_() % 8 == 0 && poll_disk(1)) return true;
  return run_message() || poll_device() || (disk_moves && poll_disk(1));
}

bool world::run_message() {
  const auto& jobs = scheduler_thread.jobs;
  if (jobs.empty()) return false;
  if (options.delays_messages) choose_actor();
  if (options.spoils_advice) spoil_advice();
  auto is_next = [&] {
    return dynamic_cast<caf::abstract_actor*>(jobs.front()) == caf::actor_cast<caf::abstract_actor*>(doomed_);
  };
  if (doomed_ && is_next() && doomed_after_-- == 0) {
    auto first = caf::make_message_id(caf::message_priority::high);
    std::exchange(doomed_, nullptr)
        ->enqueue(nullptr, first, caf::make_message(caf::exit_msg{{}, caf::exit_reason::kill}), nullptr);
  }
  return scheduler_thread.try_run_once();
}

/// Clients first, so that they hear of things in the order in which they were done; else anybody.
void world::choose_actor() {
  auto& jobs = scheduler_thread.jobs;
  auto all = parts();
  auto is_part = [&](caf::resumable* job) {
    auto* actor = dynamic_cast<caf::abstract_actor*>(job);
    return std::ranges::any_of(all, [&](const auto& p) { return caf::actor_cast<caf::abstract_actor*>(p) == actor; });
  };
  auto next = std::ranges::find_if_not(jobs, is_part);
  if (next == jobs.end()) next = jobs.begin() + static_cast<std::ptrdiff_t>(delays_() % jobs.size());
  std::rotate(jobs.begin(), next, next + 1);
}

namespace {

/// Advice changes nothing but speed: what will run next, which chunks were used or are of no use any more, what is
/// urgent. It is the one kind of message that may be lost, or overtaken by a later one.
bool is_advice(const caf::type_erased_tuple& message) {
  return message.match_elements<atom::hint, hints>() || message.match_elements<atom::hurry, ticket>() ||
         message.match_elements<atom::touch, key_list, kv::chain_use>() ||
         message.match_elements<atom::retire, key_list>();
}

}  // namespace

void world::spoil_advice() {
  auto* actor = dynamic_cast<caf::scheduled_actor*>(scheduler_thread.jobs.front());
  auto* next = actor ? actor->peek_at_next_mailbox_element() : nullptr;
  if (!next || !is_advice(next->content())) return;
  switch (delays_() % 16) {
    case 0:
      std::get<caf::scheduled_actor::normal_queue_index>(actor->mailbox().queue().queues()).take_front();
      ++advice_lost;
      break;
    case 1:
      actor->enqueue(next->sender, caf::make_message_id(), next->copy_content_to_message(), nullptr);
      ++advice_twice;
      break;
  }
}

bool world::poll_disk(std::size_t count) {
  bool began = disk_device->poll(system.clock().now());
  return on->medium->poll(count) || began;
}

void world::power_cut() {
  disk_stalled = true;
  doomed_ = nullptr;
  if (on->files) on->files->power_cut();
  if (disk_device) disk_device->power_cut();
  for (const auto& part : parts()) kill(part);
}

void world::run() {
  constexpr long timeouts_max = 40'000, steps_max = 20'000'000;
  long timeouts = 0, steps = 0;
  while (true) {  // only when nothing else is left to do, the clock
    if (step()) {
      if (++steps < steps_max) continue;
    } else if (!pass_time()) {
      return;
    } else if (++timeouts < timeouts_max) {
      continue;
    }
    FAIL() << "the system does not come to rest after " << steps << " steps and " << timeouts
           << " timeouts:" << describe();
  }
}

bool world::pass_time() {
  auto due = disk_device && !disk_stalled ? disk_device->next_due() : std::nullopt;
  if (!due) return scheduler_thread.trigger_timeout();
  scheduler_thread.advance_time(*due - system.clock().now());
  return true;
}

void world::drain() {
  while (scheduler_thread.try_run_once() || poll_device()) {
  }
}

namespace {

void end_turn(world::ending& end, const turn_statistics& statistics, std::string error, std::string text) {
  end.done = true;
  end.statistics = statistics;
  end.error = std::move(error);
  end.text = std::move(text);
  if (end.told) end.told();
}

}  // namespace

turn_id world::say(const std::string& conversation, const std::string& text, std::uint32_t answer_tokens, bool reuse,
                   std::uint8_t priority, const std::vector<std::string>& stop) {
  auto id = next_turn_++;
  auto& end = endings_[id];
  auto sink = sinks_[id] = std::make_shared<collecting_sink>();
  say_request request{
      .turn = id, .conversation = {"tenant", conversation}, .text = text, .priority = priority, .reuse = reuse};
  if (options.many_clients) request.client = conversation.back();
  request.sampling.tokens_max = answer_tokens;
  request.sampling.temperature = options.temperature;
  request.sampling.stop = stop;
  system.spawn([&end, sink, request, to = gateway](caf::event_based_actor* self) {
    self->request(to, caf::infinite, atom::say_v, request, std::shared_ptr<token_sink>{sink})
        .then([&end, sink](const turn_statistics& statistics) { end_turn(end, statistics, {}, sink->all); },
              [&end, sink](const caf::error& error) { end_turn(end, {}, explain(error), sink->all); });
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

void world::fork(const std::string& conversation, const std::string& into) {
  system.spawn([&](caf::event_based_actor* self) {
    self->request(gateway, caf::infinite, atom::fork_v, conversation_ref{"tenant", conversation}, into)
        .then([](const conversation_info&) {}, [](const caf::error& e) { ADD_FAILURE() << explain(e); });
  });
  run();
}

void world::forget(const std::string& conversation) {
  system.spawn([&](caf::event_based_actor* self) {
    self->request(gateway, caf::infinite, atom::forget_v, conversation_ref{"tenant", conversation})
        .then([] {}, [](const caf::error&) {});
  });
  run();
}

counters world::stats(const measured_actor& of) {
  counters all;
  system.spawn([&](caf::event_based_actor* self) {
    self->request(of, caf::infinite, atom::stats_v).then([&](const counters& c) { all = c; });
  });
  drain();
  return all;
}

std::int64_t world::counter_now(const measured_actor& of, const std::string& name) {
  for (const auto& [key, value] : stats(of).values)
    if (key == name) return value;
  return -1;
}

std::string world::describe() {
  std::string all;
  auto add = [&](const counters& c) {
    all += "\n " + c.part + ":";
    for (const auto& [key, value] : c.values) all += ' ' + key + '=' + std::to_string(value);
  };
  for (auto part : {caf::actor_cast<measured_actor>(scheduler), caf::actor_cast<measured_actor>(executor),
                    caf::actor_cast<measured_actor>(device), caf::actor_cast<measured_actor>(host),
                    caf::actor_cast<measured_actor>(disk), caf::actor_cast<measured_actor>(prefetcher)}) {
    if (!part) continue;
    system.spawn([&](caf::event_based_actor* self) { self->request(part, caf::infinite, atom::stats_v).then(add); });
    for (int i = 0; i < 1000; ++i) scheduler_thread.try_run_once();
  }
  return all;
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

message_list world::messages(const std::string& conversation) {
  message_list all;
  for (bool more = true; std::exchange(more, false);) {
    system.spawn([&](caf::event_based_actor* self) {
      auto first = static_cast<std::uint32_t>(all.size());
      self->request(gateway, caf::infinite, atom::read_v, conversation_ref{"tenant", conversation}, first, 1000u)
          .then(
              [&](const transcript& page) {
                all.insert(all.end(), page.messages.begin(), page.messages.end());
                more = !page.messages.empty() && all.size() < page.total;
              },
              [](const caf::error&) {});
    });
    run();
  }
  return all;
}

void world::kill_at(const caf::strong_actor_ptr& who, std::uint64_t nth) {
  doomed_ = who;
  doomed_after_ = nth;
}

void world::kill(const caf::strong_actor_ptr& who) { caf::anon_send_exit(who, caf::exit_reason::kill); }

std::vector<std::string> play(world& w, const std::string& text, int first, int last,
                              const std::function<void(int)>& before_each) {
  std::vector<std::string> answers;
  for (int i = first; i < last; ++i) {
    if (before_each) before_each(i);
    auto id = w.say("c" + std::to_string(i % 5), std::to_string(i % 5) + text + std::to_string(i));
    w.run();
    EXPECT_TRUE(w.outcome(id).done) << "turn " << i;
    EXPECT_EQ(w.outcome(id).error, "") << "turn " << i;
    answers.push_back(w.outcome(id).text);
  }
  return answers;
}

}  // namespace chromatin::test

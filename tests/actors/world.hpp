#pragma once

/// The fixture of deterministic actor runs: the whole system, cooperatively scheduled on one thread under a virtual
/// clock, on a toy backend and a disk in memory. A seed reproduces a run.

#include <random>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <gtest/gtest.h>

#include "actors/archivist.hpp"
#include "actors/carrier.hpp"
#include "actors/device_tier.hpp"
#include "actors/disk_tier.hpp"
#include "actors/executor.hpp"
#include "actors/gateway.hpp"
#include "actors/host_tier.hpp"
#include "actors/prefetcher.hpp"
#include "actors/registry.hpp"
#include "actors/scheduler.hpp"
#include "actors/telemetry.hpp"
#include "archive/simulator.hpp"
#include "gpu/cuda/emulated/runtime.hpp"
#include "io/faulty_device.hpp"
#include "io/faulty_vfs.hpp"
#include "io/memory_device.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/toy_backend.hpp"

namespace chromatin::test {

struct test_config : caf::actor_system_config {
  test_config() {
    set("scheduler.policy", caf::atom("testing"));
    set("logger.inline-output", true);
  }
};

/// Collects an answer's text.
struct collecting_sink final : token_sink {
  void text(std::string_view more) override { all += more; }
  std::string all;
};

inline conversation_ref ref(const std::string& id) { return {"tenant", id}; }

inline caf::strong_actor_ptr erased(const auto& actor) { return caf::actor_cast<caf::strong_actor_ptr>(actor); }

struct world_options {
  std::uint32_t device_chunks = 64, host_chunks = 64, disk_chunks = 256;
  std::uint32_t step_tokens_max = 48;
  std::uint32_t batch_max = 4;
  std::uint32_t queue_max = 64;
  std::uint64_t shuffle_seed = 1;  ///< of the order in which disk operations end
  bool disk = true;
  bool durable = false;          ///< the registry is in the machine's folder, and files are faulty, too
  bool orders_loads = false;     ///< the device waits for loads itself, as a GPU does
  bool verify = false;           ///< the copy engine checks every move
  bool fast_device = false;      ///< its operations end before any message about them is handled
  bool delays_messages = false;  ///< any actor may be the next to run; each still gets its messages in their order
  bool spoils_advice = false;    ///< advice is lost, or comes a second time, late
  std::uint32_t context = 0;     ///< 0: the model's
  kv::overflow_policy overflow;  ///< of full windows
  float temperature = 0;         ///< of all turns
  std::string policy = kv::usual_policy;  ///< of all tiers
  std::int64_t token_us = 0;              ///< what each token adds to the time that a step says it took
  caf::timespan idle_pause{};             ///< of the prefetcher; the clock never rests with one
  std::chrono::seconds archive_idle{0};   ///< what is idle for so long goes by itself; the clock never rests with it
  bool archive_schedule = false;          ///< the machine's folder has a file `schedule`; the clock never rests with it
  double archive_expect = 0;              ///< recalls begin where turns are so likely; the clock never rests with it
  std::optional<archived_turn> archive;   ///< there is one, and turns on what is in it do this
  std::uint32_t archive_levels = 4;       ///< of its partitions' address tree
  std::optional<kv::fingerprint> archive_model;  ///< that its keys and values are of, in place of the model served
  bool many_clients = false;  ///< the last letter of a conversation's name is its client; else all are one's
  bool cuda = false;  ///< a tiny model on the CUDA executor over an emulated device, whose order of work a seed draws
};

/// What outlives a power cut: a folder, a disk, and what is wrong with them.
struct machine {
  machine(std::uint64_t seed, bool faulty_files);

  temporary_folder folder;
  std::shared_ptr<io::fault_dice> disk_dice, file_dice;
  std::optional<io::faulty_vfs> files;      ///< at most one machine has them
  std::shared_ptr<io::faulty_device> disk;  ///< made by the first world
  io::memory_device* medium = nullptr;      ///< behind it
  std::shared_ptr<archive::simulator> laboratory = std::make_shared<archive::simulator>(archive::simulator_options{});
};

class world {
 public:
  /// On a machine of its own unless it is given one, on which no other world stands.
  explicit world(world_options o = {}, std::shared_ptr<machine> on = {});
  ~world();

  /// Runs everything until nothing is left to do, ending operations of device and disk as they come. Fails the test if
  /// that takes longer than any test should.
  void run();
  /// One thing: a message, else an operation of the device (before it, if that is fast), else one of the disk. False
  /// when there is none.
  bool step();
  /// Begins what waits in the disk's line and ends up to `count` operations; true if there was something to do.
  bool poll_disk(std::size_t count = ~std::size_t{0});
  /// The power is cut: nothing of this world ends any more, and nothing it holds is written. Only for its destructor.
  void power_cut();
  /// Only messages and the device: nothing that needs the disk or the clock.
  void drain();
  /// Starts a turn; its answer is in `outcome(id)` after run().
  turn_id say(const std::string& conversation, const std::string& text, std::uint32_t answer_tokens = 20,
              bool reuse = true, std::uint8_t priority = 50, const std::vector<std::string>& stop = {});
  /// Forks a conversation and runs. Fails the test on an error.
  void fork(const std::string& conversation, const std::string& into);
  /// Forgets a conversation and runs; one that is not there is forgotten already.
  void forget(const std::string& conversation);
  /// Calls `call` as soon as the turn has ended.
  void when_done(turn_id id, std::function<void()> call) { endings_.at(id).told = std::move(call); }
  /// Says and runs; the answer's statistics. Fails the test on an error.
  turn_statistics talk(const std::string& conversation, const std::string& text, std::uint32_t answer_tokens = 20);
  /// What a turn ended with: statistics or the error's text.
  struct ending {
    bool done = false;
    turn_statistics statistics;
    std::string error = "not answered";
    std::string text;
    std::function<void()> told;
  };
  /// Pieces of advice that were lost, or came twice.
  std::int64_t advice_lost = 0, advice_twice = 0;
  const ending& outcome(turn_id id) { return endings_.at(id); }
  /// Runs the system to its rest first.
  std::int64_t counter(const measured_actor& of, const std::string& name) {
    run();
    return counter_now(of, name);
  }
  /// What it tells without that: no time passes.
  counters stats(const measured_actor& of);
  std::int64_t counter_now(const measured_actor& of, const std::string& name);
  /// All counters, for a failure's report. Runs the system for a bounded time only.
  std::string describe();
  /// When it has handled what is in its mailbox.
  void kill(const caf::strong_actor_ptr& who);
  /// In place of handling its n-th message from now on (0: the next). One at a time.
  void kill_at(const caf::strong_actor_ptr& who, std::uint64_t nth);
  bool dying() const { return doomed_ != nullptr; }
  /// In place of one that died.
  void spawn_executor();
  void spawn_host();
  void spawn_catalog();
  void spawn_prefetcher();
  void spawn_disk(std::vector<io::stored_chunk> found);
  conversation_info info(const std::string& conversation);
  /// What time it is in the laboratory: that of the actors.
  archive::lab_time laboratory_time() {
    return archive::lab_time{std::chrono::days{20'000}} +
           std::chrono::floor<std::chrono::seconds>(system.clock().now().time_since_epoch());
  }
  /// What was said in it; nothing if there is no such conversation.
  message_list messages(const std::string& conversation);

  world_options options;
  bool disk_stalled = false;  ///< operations neither fail nor end
  std::shared_ptr<machine> on;
  test_config config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler_thread;
  std::shared_ptr<const model::checkpoint> checkpoint;
  kv::geometry geometry;
  std::shared_ptr<toy_backend> backend;               ///< null with cuda
  std::shared_ptr<gpu::cuda::emulated_runtime> cuda;  ///< null without
  std::shared_ptr<gpu::backend> computes;             ///< either
  std::shared_ptr<kv::page_arena> device_arena, host_arena;
  std::shared_ptr<io::faulty_device> disk_device;
  std::shared_ptr<io::chunk_store> store;
  executor_actor executor;
  device_tier_actor device;
  host_tier_actor host;
  disk_tier_actor disk;
  catalog_actor catalog;
  prefetcher_actor prefetcher;
  scheduler_actor scheduler;
  registry_actor registry;
  gateway_actor gateway;
  keeper_actor keeper;  ///< these only with an archive
  carrier_actor carrier;
  archivist_actor archivist;

 private:
  void spawn_archive();
  /// Device tier and executor know each other, and the scheduler hears of turns' pages.
  void connect_executor();
  std::vector<caf::strong_actor_ptr> parts() const;
  void start_device();
  /// Ends one operation of the device; false when there is none.
  bool poll_device() { return cuda ? cuda->poll() : backend->poll(); }
  /// To what is due next: an operation of the disk that was delayed, else a timeout. False if nothing is.
  bool pass_time();
  /// The next message.
  bool run_message();
  void choose_actor();
  void spoil_advice();

  std::mt19937_64 delays_;
  caf::strong_actor_ptr doomed_;
  std::uint64_t doomed_after_ = 0;
  std::map<turn_id, ending> endings_;
  std::map<turn_id, std::shared_ptr<collecting_sink>> sinks_;
  turn_id next_turn_ = 1;
};

/// Turns from number `first` to before `last`, of five conversations in turn and one after the other, each saying
/// `text` between its numbers; `before_each` is called with a turn's number. The answers; none may fail.
std::vector<std::string> play(world& w, const std::string& text, int first, int last,
                              const std::function<void(int)>& before_each = {});

}  // namespace chromatin::test

/// chromatin bench overlap: what loading behind compute, computing instead of loading, and saving behind compute bring
/// (CachedAttention §3.2).
///
/// Conversations lie on the disk, in memory is no room for them. Each comes back with new tokens, in turn: computed
/// anew; loaded, then computed; loaded layer by layer while it is computed; and as the system chooses. What a turn
/// takes whose history is in the device is what computing alone takes; what loading first takes beyond that is what
/// loading alone takes.

#include <filesystem>
#include <optional>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "bench/checkpoints.hpp"
#include "bench/commands.hpp"
#include "bench/in_process.hpp"
#include "bench/measure.hpp"
#include "gpu/cpu/cpu_backend.hpp"
#include "io/progress.hpp"
#include "io/slow_device.hpp"
#include "io/temporary_folder.hpp"

namespace chromatin::bench {
namespace {

namespace fs = std::filesystem;

constexpr double ratio_goal = 1.15;    ///< layer by layer, over the longer of loading and computing
constexpr double shorter_goal = 0.85;  ///< than computing anew
constexpr double saving_goal = 1.03;
constexpr int copied_conversations = 4;

struct overlap_flags {
  fs::path work, embedded;
  std::string shape = "tinyllama-1.1b";
  std::uint32_t threads = 0, history = 900, fresh = 100, answer = 64;
  int rounds = 3;
  std::vector<double> disks_mb_s{20, 50, 100, 200, 500, 0};
  double latency_us = 1000;
  std::string json;
};

struct bench_place {
  fs::path model, disk;
  std::uint64_t chunk_bytes = 0;
  std::string history, fresh;
};

std::string name_of(int conversation) { return fmt::format("conversation-{}", conversation); }

system_options options_of(const overlap_flags& f, const bench_place& at, double disk_mb_s, loading_choice loading) {
  auto turn = kv::chunks_for(f.history + f.fresh + f.answer) + 2;
  system_options o{.model = at.model,
                   .device_bytes = 2 * turn * at.chunk_bytes,
                   .host_bytes = (turn + 4) * at.chunk_bytes,
                   .disk = at.disk,
                   .threads = f.threads,
                   .loading = loading};
  if (disk_mb_s > 0)
    o.wrap_disk = [=, latency_us = f.latency_us](std::unique_ptr<io::device> d) {
      return io::make_slow_device(std::move(d), {.bytes_per_s = disk_mb_s * 1e6, .latency_us = latency_us});
    };
  return o;
}

void write_conversations(const overlap_flags& f, const bench_place& at) {
  running_system system{options_of(f, at, 0, {})};
  for (int i = 0; i < copied_conversations; ++i) {
    say(system, name_of(i), fmt::format("{}. {}", i, at.history), 2, nullptr);
    settle(system);
  }
}

/// Copies of the conversations come back, one after the other.
class returns {
 public:
  returns(running_system& system, const bench_place& at) : system_{system}, at_{at} {}

  /// Milliseconds to the first token of the next one, or of the last one again.
  double next_ms(bool reuse = true) { return again_ms(name_of(++count_ % copied_conversations), reuse); }
  double last_again_ms() { return again_ms(name_of(count_ % copied_conversations), true); }

 private:
  double again_ms(const std::string& of, bool reuse) {
    auto copy = fmt::format("{}-again-{}", of, ++copies_);
    fork(system_, of, copy);
    auto text = fmt::format("{}. {}", copies_, at_.fresh);  // that nobody has computed before
    auto s = say(system_, copy, text, 2, nullptr, reuse);
    settle(system_);
    return static_cast<double>(s.first_token_us) * 1e-3;
  }

  running_system& system_;
  const bench_place& at_;
  int count_ = 0;
  static inline int copies_ = 0;
};

template <class Measure>
double median_of(int rounds, Measure measure) {
  std::vector<double> all;
  for (int i = 0; i < rounds; ++i) all.push_back(measure());
  return median(std::move(all));
}

struct times_ms {
  double anew = 0, resident = 0, loaded_first = 0, by_layer = 0, chosen = 0;
  double load() const { return std::max(0.0, loaded_first - resident); }
};

/// Each way in a system of its own, which begins with one turn to learn how fast disk and compute are.
times_ms measure(const overlap_flags& f, const bench_place& at, double disk_mb_s) {
  times_ms t;
  auto in = [&](loading_choice loading, auto measure) {
    running_system system{options_of(f, at, disk_mb_s, loading)};
    returns r{system, at};
    r.next_ms();
    r.next_ms();
    measure(r);
  };
  auto next = [&](double& into) {
    return [&](returns& r) { into = median_of(f.rounds, [&] { return r.next_ms(); }); };
  };
  in({.by_layer = false, .recomputes = false}, next(t.loaded_first));
  in({.by_layer = true, .recomputes = false}, [&](returns& r) {
    next(t.by_layer)(r);
    t.resident = median_of(f.rounds, [&] { return r.last_again_ms(); });
    t.anew = median_of(f.rounds, [&] { return r.next_ms(false); });
  });
  in({}, next(t.chosen));
  return t;
}

nlohmann::ordered_json loading_table(const overlap_flags& f, const bench_place& at) {
  nlohmann::ordered_json json;
  fmt::print(
      "Time to first token, ms; {} tokens on the disk, {} new; operations take {:.1f} ms longer than the bytes\n\n",
      f.history, f.fresh, f.latency_us * 1e-3);
  fmt::print("  {:<10} {:>9} {:>9} {:>9} {:>13} {:>9} {:>9} {:>14} {:>13}\n", "disk", "anew", "compute", "load",
             "load, compute", "by layer", "chosen", "by layer / max", "chosen / best");
  for (auto mb_s : f.disks_mb_s) {
    auto t = io::waiting("loading", [&] { return measure(f, at, mb_s); });
    auto longer = std::max(t.load(), t.resident), best = std::min(t.anew, t.by_layer);
    fmt::print("  {:<10} {:>9.1f} {:>9.1f} {:>9.1f} {:>13.1f} {:>9.1f} {:>9.1f} {:>13.2f}x {:>12.2f}x\n",
               mb_s > 0 ? fmt::format("{:.0f} MB/s", mb_s) : "as it is", t.anew, t.resident, t.load(), t.loaded_first,
               t.by_layer, t.chosen, t.by_layer / longer, t.chosen / best);
    std::fflush(stdout);
    json.push_back({{"disk_mb_s", mb_s},
                    {"anew_ms", t.anew},
                    {"compute_ms", t.resident},
                    {"load_ms", t.load()},
                    {"load_then_compute_ms", t.loaded_first},
                    {"by_layer_ms", t.by_layer},
                    {"chosen_ms", t.chosen}});
    if (mb_s > 0) continue;
    fmt::print(
        "\n  layer by layer over the longer of load and compute: {:.2f} (at most {}); shorter than anew by {:.0f} % "
        "(at least {:.0f})\n",
        t.by_layer / longer, ratio_goal, 100 * (1 - t.chosen / t.anew), 100 * shorter_goal);
  }
  return json;
}

/// Prefill and decode of new conversations, with the tiers below the device and without them, in turns.
nlohmann::ordered_json saving_table(const overlap_flags& f, const bench_place& at) {
  running_system system{options_of(f, at, 0, {})};
  std::vector<double> prefill, decode;
  int count = 0;
  auto one = [&] {
    auto s = say(system, fmt::format("new-{}", ++count), fmt::format("{}. {}", count, at.history), f.answer, nullptr);
    auto token_us = static_cast<double>(s.total_us - s.first_token_us) / (f.answer - 1);
    return std::pair{static_cast<double>(s.first_token_us), token_us};
  };
  std::optional<io::waiting_line> waiting{std::in_place, "saving"};
  one();
  for (int i = 0; i < 2 * f.rounds + 1; ++i) {
    settle(system);
    auto saved = one();
    settle(system);
    take_out(system, "host-tier");
    auto kept = one();
    put_back(system, "host-tier");
    prefill.push_back(saved.first / kept.first);
    decode.push_back(saved.second / kept.second);
  }
  waiting.reset();
  fmt::print("\nSaving while computing, over computing alone: prefill {:.3f}, decode {:.3f} (at most {})\n",
             median(prefill), median(decode), saving_goal);
  return {{"prefill", median(prefill)}, {"decode", median(decode)}, {"goal", saving_goal}};
}

void run(const overlap_flags& f) {
  auto work = work_folder(f.work);
  bench_place at{.model = checkpoint_of(f.shape, work, f.embedded)};
  io::temporary_folder store{work};
  at.disk = store.path();
  {
    auto checkpoint = model::checkpoint::open(at.model);
    at.chunk_bytes = checkpoint->config.cache_geometry(gpu::best_compute_type()).chunk_bytes();
    at.history = text_of(*checkpoint, "Once upon a time", f.history);
    at.fresh = text_of(*checkpoint, "And then", f.fresh);
  }
  nlohmann::ordered_json json{{"machine", machine()}, {"shape", f.shape}};
  fmt::print("{}; {}\n", json["machine"].get<std::string>(), f.shape);
  io::waiting("writing conversations", [&] { write_conversations(f, at); });
  json["loading"] = loading_table(f, at);
  json["saving"] = saving_table(f, at);
  write_json(f.json, json);
}

}  // namespace

void add_overlap(CLI::App& bench, const fs::path& embedded) {
  auto* command =
      bench.add_subcommand("overlap", "Loading and saving behind compute, and computing instead of loading");
  auto f = std::make_shared<overlap_flags>();
  f->embedded = embedded;
  command->add_option("--work", f->work, "where checkpoints are written and kept (default: a temporary folder)");
  command->add_option("--shape", f->shape, "of the model, see make-checkpoint")->capture_default_str();
  command->add_option("--threads", f->threads, "of the backend (default: one per core)");
  command->add_option("--history", f->history, "tokens that come back")->capture_default_str();
  command->add_option("--new", f->fresh, "tokens that come with them")->capture_default_str();
  command->add_option("--disks", f->disks_mb_s, "speeds of the disk, MB/s; 0: as it is")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--disk-latency-us", f->latency_us, "of each operation of a slowed disk")->capture_default_str();
  command->add_option("--rounds", f->rounds, "of each measurement")->capture_default_str()->check(CLI::Range(1, 100));
  command->add_option("--json", f->json, "write the figures to this file");
  command->callback([f] { run(*f); });
}

}  // namespace chromatin::bench

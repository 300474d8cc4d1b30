/// chromatin bench loading: seven conversations are answered while an eighth comes back, whose history is on a slow
/// disk or in the device. The seven must not feel which.

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "bench/checkpoints.hpp"
#include "bench/commands.hpp"
#include "bench/in_process.hpp"
#include "bench/measure.hpp"
#include "io/progress.hpp"
#include "io/slow_device.hpp"
#include "io/temporary_folder.hpp"

namespace chromatin::bench {
namespace {

namespace fs = std::filesystem;
using clock = std::chrono::steady_clock;

constexpr double pace_goal = 1.2;  ///< of the 99th percentile between two tokens

struct loading_flags {
  fs::path work, embedded;
  std::string shape = "134m";
  std::uint32_t threads = 0, history = 900, answering = 7, answer_tokens = 300;
  int rounds = 10;
  io::device_speed disk;
  std::string json;
};

/// Notes when text came. Of one turn; read when the turn is over.
struct timed_sink final : token_sink {
  void text(std::string_view) override {
    std::lock_guard lock{mutex};
    at.push_back(clock::now());
    changed.notify_all();
  }
  void wait_for(std::size_t texts) {
    std::unique_lock lock{mutex};
    changed.wait(lock, [&] { return at.size() >= texts; });
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<clock::time_point> at;
};

struct paces {
  double gap_p99_ms = 0;      ///< between texts of those who were answered, once the eighth had come
  double first_token_ms = 0;  ///< of the eighth
  hit_list hits;              ///< of the eighth
};

/// The eighth comes back while the others are answered.
paces serve(running_system& system, const loading_flags& f, int round) {
  std::vector<std::shared_ptr<timed_sink>> sinks;
  std::vector<std::jthread> others;
  for (std::uint32_t i = 0; i < f.answering; ++i) {
    sinks.push_back(std::make_shared<timed_sink>());
    others.emplace_back([&, sink = sinks[i], name = fmt::format("{}-of-{}", i, round)] {
      say(system, name, "Tell me more.", f.answer_tokens, sink);
    });
  }
  for (auto& s : sinks) s->wait_for(f.answer_tokens / 4);
  auto came = clock::now();
  auto statistics = say(system, "eighth", "And then?", 2, std::make_shared<timed_sink>());
  others.clear();
  std::vector<double> gaps_ms;
  for (auto& s : sinks)
    for (std::size_t i = 1; i < s->at.size(); ++i)
      if (s->at[i] > came)
        gaps_ms.push_back(std::chrono::duration<double, std::milli>(s->at[i] - s->at[i - 1]).count());
  return {percentile(std::move(gaps_ms), 0.99), static_cast<double>(statistics.first_token_us) * 1e-3, statistics.hits};
}

system_options options_of(const loading_flags& f, const fs::path& model, const fs::path& disk) {
  return {.model = model,
          .device_bytes = 1ull << 30,
          .host_bytes = 512ull << 20,
          .disk = disk,
          .wrap_disk = [f](std::unique_ptr<io::device> d) { return io::make_slow_device(std::move(d), f.disk); },
          .threads = f.threads};
}

std::string named(const hit_list& hits) {
  std::string text;
  for (const auto& [tier, tokens] : hits) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", tokens, tier);
  return text.empty() ? "nothing" : text;
}

void print(const char* name, const paces& s) {
  fmt::print("  {:<10} {:>10.2f} {:>14.2f}   {}\n", name, s.gap_p99_ms, s.first_token_ms, named(s.hits));
  std::fflush(stdout);
}

void run(const loading_flags& f) {
  auto work = work_folder(f.work);
  auto model = checkpoint_of(f.shape, work, f.embedded);
  io::temporary_folder store{work};
  const auto& disk = store.path();
  nlohmann::ordered_json json{{"machine", machine()}, {"goal", pace_goal}};
  fmt::print("{}; {} answers of {} tokens, the eighth has {} tokens on a disk of {:.0f} MB/s and {:.1f} ms\n\n",
             json["machine"].get<std::string>(), f.answering, f.answer_tokens, f.history, f.disk.bytes_per_s * 1e-6,
             f.disk.latency_us * 1e-3);
  fmt::print("  {:<10} {:>10} {:>14}   {}\n", "eighth in", "p99 gap ms", "its TTFT ms", "its hits");
  {
    io::waiting_line waiting{"writing the eighth's history"};
    running_system system{options_of(f, model, disk)};
    say(system, "eighth", text_of(system.checkpoint(), "Once upon a time", f.history), 2,
        std::make_shared<timed_sink>());
  }
  std::vector<double> ratios;
  for (int round = 0; round < f.rounds; ++round) {
    running_system system{options_of(f, model, disk)};  // nothing is in memory: all of it is on the disk
    auto loaded = io::waiting("from the disk", [&] { return serve(system, f, 2 * round); });
    print("disk", loaded);
    auto resident = io::waiting("in the device", [&] { return serve(system, f, 2 * round + 1); });
    print("device", resident);
    ratios.push_back(loaded.gap_p99_ms / resident.gap_p99_ms);
    json["rounds"].push_back({{"disk_gap_p99_ms", loaded.gap_p99_ms},
                              {"device_gap_p99_ms", resident.gap_p99_ms},
                              {"disk_first_token_ms", loaded.first_token_ms},
                              {"device_first_token_ms", resident.first_token_ms}});
  }
  fmt::print("\n  p99 of the time between two tokens, disk to device: {:.2f} (median of {}; at most {})\n",
             median(ratios), ratios.size(), pace_goal);
  json["ratio"] = median(ratios);
  write_json(f.json, json);
}

}  // namespace

void add_loading(CLI::App& bench, const fs::path& embedded) {
  auto* command =
      bench.add_subcommand("loading", "Seven are answered while an eighth's history comes from a slow disk");
  auto f = std::make_shared<loading_flags>();
  f->embedded = embedded;
  command->add_option("--work", f->work, "where checkpoints are written and kept (default: a temporary folder)");
  command->add_option("--shape", f->shape, "of the model, see make-checkpoint")->capture_default_str();
  command->add_option("--threads", f->threads, "of the backend (default: one per core)");
  command->add_option("--history", f->history, "tokens of the eighth conversation")->capture_default_str();
  command->add_option("--answer", f->answer_tokens, "tokens of an answer")->capture_default_str();
  command->add_option("--rounds", f->rounds, "of the comparison")->capture_default_str()->check(CLI::Range(1, 100));
  command->add_option("--disk-bytes-per-s", f->disk.bytes_per_s, "of the disk")->capture_default_str();
  command->add_option("--disk-latency-us", f->disk.latency_us, "of each of its operations")->capture_default_str();
  command->add_option("--json", f->json, "write the figures to this file");
  command->callback([f] { run(*f); });
}

}  // namespace chromatin::bench

/// chromatin bench neighbour: what a process that keeps one core busy costs us, at rest and beside it in turns.

#include <atomic>
#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/checkpoints.hpp"
#include "bench/commands.hpp"
#include "bench/engine.hpp"
#include "bench/measure.hpp"
#include "io/progress.hpp"

namespace chromatin::bench {
namespace {

namespace fs = std::filesystem;

constexpr double neighbour_goal = 2.0;  ///< times as long as at rest, at most
constexpr std::uint32_t neighbour_prompt = 512, neighbour_batch = 8;
constexpr double clock_tick_s = 0.02;

struct neighbour_flags {
  fs::path work, embedded;
  std::uint32_t threads = 0;
  int rounds = 7;
  double patience_s = 120;
  double others_max = 0.03;  ///< cores used by processes that are neither we nor the neighbour
  bool pinned = false;
  std::vector<std::string> only;
  std::string json;
};

const std::vector<std::string> models{"embedded", "tinyllama-1.1b"};

/// A process that computes without end, as long as this lives.
class neighbour {
 public:
  explicit neighbour(bool pinned) : process_{::fork()} {
    if (process_ < 0) throw std::runtime_error("no process for the neighbour");
    if (process_ > 0) return;
    if (pinned) {
      cpu_set_t last;
      CPU_ZERO(&last);
      CPU_SET(::sysconf(_SC_NPROCESSORS_ONLN) - 1, &last);
      ::sched_setaffinity(0, sizeof last, &last);
    }
    auto parent = ::getppid();
    for (std::atomic<std::uint64_t> turns = 0;; ++turns)
      if (turns % (1 << 24) == 0 && ::getppid() != parent) ::_exit(0);
  }
  neighbour(const neighbour&) = delete;
  neighbour& operator=(const neighbour&) = delete;
  ~neighbour() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  ::pid_t process() const { return process_; }

 private:
  ::pid_t process_;
};

struct row {
  std::string name;
  std::uint32_t tokens;
  std::function<double()> seconds;
  int repeats;  ///< so that a round is longer than the kernel's time slices
};

/// Seconds of one repeat; none when other processes used the machine meanwhile.
std::optional<double> round_s(const row& r, double others_max, const neighbour* beside) {
  auto others = [&] { return machine_cpu_s() - process_cpu_s() - (beside ? process_cpu_s(beside->process()) : 0); };
  auto before = others();
  double sum = 0;
  auto all = seconds_of([&] {
    for (int i = 0; i < r.repeats; ++i) sum += r.seconds();
  });
  if (others() - before > others_max * all + clock_tick_s) return std::nullopt;
  return sum / r.repeats;
}

/// Waits until nobody else uses the machine; false when `until` has come.
bool wait_for_rest(std::chrono::steady_clock::time_point until) {
  while (std::chrono::steady_clock::now() < until) {
    auto before = machine_cpu_s();
    ::usleep(200000);
    if (machine_cpu_s() - before <= clock_tick_s) return true;
  }
  return false;
}

nlohmann::ordered_json measure(const neighbour_flags& f, const row& r) {
  std::vector<double> rest, beside;
  int disturbed = 0;
  std::optional<io::waiting_line> waiting{std::in_place, r.name};
  r.seconds();
  auto until = std::chrono::steady_clock::now() +
               std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>{f.patience_s});
  while (beside.size() < static_cast<std::size_t>(f.rounds)) {
    auto alone = round_s(r, f.others_max, nullptr);
    neighbour busy{f.pinned};
    ::usleep(20000);  // the kernel finds places for all
    auto together = round_s(r, f.others_max, &busy);
    if (!alone || !together) {
      ++disturbed;
      if (!wait_for_rest(until)) break;
      continue;
    }
    rest.push_back(*alone);
    beside.push_back(*together);
  }
  waiting.reset();
  if (beside.empty()) {
    fmt::print("{:<40} other processes used the machine all the time\n", r.name);
    std::fflush(stdout);
    return {{"name", r.name}};
  }
  auto ratio = median(beside) / median(rest);
  fmt::print("{:<40} {:>11.2f} {:>11.2f} {:>11.1f} {:>11.1f} {:>7.2f}x{}\n", r.name, 1e3 * median(rest),
             1e3 * median(beside), r.tokens / median(rest), r.tokens / median(beside), ratio,
             ratio > neighbour_goal ? "  above" : "");
  if (disturbed > 0) fmt::print("  ({} rounds more left out: other processes ran)\n", disturbed);
  std::fflush(stdout);
  return {{"name", r.name}, {"rest_s", rest}, {"beside_s", beside}, {"ratio", ratio}, {"goal", neighbour_goal}};
}

fs::path folder_of(const neighbour_flags& f, const std::string& name) {
  if (name == models.front()) return f.embedded;
  return checkpoint_of(name, f.work, f.embedded);
}

void run(neighbour_flags f) {
  f.work = work_folder(f.work);
  if (f.only.empty()) f.only = models;
  nlohmann::ordered_json json{{"machine", machine()}, {"pinned", f.pinned}};
  fmt::print("{}; the neighbour {}\n\n", json["machine"].get<std::string>(),
             f.pinned ? "stays on the last core" : "may move");
  fmt::print("{:<40} {:>11} {:>11} {:>11} {:>11} {:>8}\n", "", "ms at rest", "ms beside", "tokens/s", "beside", "time");
  for (const auto& name : f.only) {
    gpu::cpu_options options{
        .compute = gpu::best_compute_type(), .threads = f.threads, .step_tokens_max = neighbour_prompt};
    engine e{model::checkpoint::open(folder_of(f, name)), options, neighbour_batch, 2 * neighbour_prompt};
    bool small = name == models.front();
    auto generate = small ? 64u : 16u;
    for (const auto& r : {row{name + ": first token of 512", neighbour_prompt,
                              [&] { return e.prefill_s(neighbour_prompt); }, small ? 20 : 1},
                          row{name + ": first token of 64", 64, [&] { return e.prefill_s(64); }, small ? 100 : 4},
                          row{name + ": decode", generate, [&] { return e.decode_s(generate); }, small ? 10 : 1},
                          row{name + ": decode of 8", generate * neighbour_batch,
                              [&] { return e.decode_s(generate, neighbour_batch); }, small ? 10 : 1}})
      json["rows"].push_back(measure(f, r));
  }
  write_json(f.json, json);
}

}  // namespace

void add_neighbour(CLI::App& bench, const fs::path& embedded) {
  auto* command = bench.add_subcommand("neighbour", "At rest, and beside a process that keeps one core busy");
  auto f = std::make_shared<neighbour_flags>();
  f->embedded = embedded;
  command->add_option("--work", f->work, "where checkpoints are written and kept (default: a temporary folder)");
  command->add_option("--threads", f->threads, "of the backend (default: one per core)");
  command->add_option("--rounds", f->rounds, "of each comparison")->capture_default_str()->check(CLI::Range(1, 100));
  command->add_option("--only", f->only, fmt::format("one or more of {}", fmt::join(models, ", ")))
      ->check(CLI::IsMember(models));
  command->add_option("--patience", f->patience_s, "seconds to wait for a machine at rest, of each line")
      ->capture_default_str();
  command->add_option("--others", f->others_max, "cores that other processes may use without spoiling a round")
      ->capture_default_str();
  command->add_flag("--pinned", f->pinned, "the neighbour stays on the last core");
  command->add_option("--json", f->json, "write the figures to this file");
  command->callback([f] { run(*f); });
}

}  // namespace chromatin::bench

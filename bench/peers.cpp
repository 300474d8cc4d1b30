/// chromatin bench peers: the same work by llama.cpp and by us, in turns.

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <omp.h>

#include "bench/checkpoints.hpp"
#include "bench/commands.hpp"
#include "bench/engine.hpp"
#include "bench/in_process.hpp"
#include "bench/llama_cpp.hpp"
#include "bench/measure.hpp"
#include "io/progress.hpp"

namespace chromatin::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t prompt = 512, deep = 4096, batch = 8;

struct flags {
  std::string llama_cpp, json;
  fs::path work, embedded;
  std::uint32_t threads = 0;
  int rounds = 3;
  bool quick = false;
  std::vector<std::string> only;  ///< of `parts`; empty: all

  bool wants(const std::string& part) const {
    return only.empty() || std::find(only.begin(), only.end(), part) != only.end();
  }
};

const std::vector<std::string> parts{"embedded", "134m", "tinyllama-1.1b", "int8"};

/// Prints and keeps one row: medians of tokens a second, and the ratio that is asked for.
struct table {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();

  static void head() {
    fmt::print("\n{:<46} {:>11} {:>11} {:>8} {:>8}\n", "tokens/s", "llama.cpp", "chromatin", "ratio", "goal");
  }
  void row(const std::string& name, const std::vector<double>& theirs, const std::vector<double>& ours, double goal) {
    auto ratio = median(ours) / median(theirs);
    fmt::print("{:<46} {:>11.1f} {:>11.1f} {:>7.2f}x {:>7.1f}x{}\n", name, median(theirs), median(ours), ratio, goal,
               ratio < goal ? "  below" : "");
    std::fflush(stdout);
    rows.push_back({{"name", name}, {"theirs", theirs}, {"ours", ours}, {"ratio", ratio}, {"goal", goal}});
  }
};

/// Both sides in turns.
void compare(table& t, const flags& f, const std::string& name, double goal, const std::function<double()>& theirs,
             const std::function<double()>& ours, int rounds = 0) {
  std::vector<double> a, b;
  std::optional<io::waiting_line> waiting{std::in_place, name};
  for (int i = 0; i < (rounds > 0 ? rounds : f.rounds); ++i) {
    a.push_back(theirs());
    b.push_back(ours());
  }
  waiting.reset();
  t.row(name, a, b, goal);
}

gpu::cpu_options options_of(const flags& f) {
  return {.compute = gpu::best_compute_type(), .threads = f.threads, .step_tokens_max = prompt};
}

/// llama-bench warms up before it measures, so we do.
double warm_prefill(engine& e, std::uint32_t depth = 0) {
  e.prefill_s(prompt, depth);
  return prompt / e.prefill_s(prompt, depth);
}

void compare_shape(table& t, const flags& f, llama_cpp& peer, const std::string& shape, double prefill_goal,
                   std::optional<double> deep_goal, double decode_goal, std::uint32_t generate) {
  auto folder = checkpoint_of(shape, f.work, f.embedded);
  auto theirs = peer.convert(folder);
  engine e{model::checkpoint::open(folder), options_of(f), batch, deep_goal ? deep + prompt : 2 * prompt};
  compare(
      t, f, shape + ", bf16: prefill of 512", prefill_goal,
      [&] { return peer.tokens_per_s(theirs, f.threads, prompt, 0); }, [&] { return warm_prefill(e); });
  std::vector<double> one, eight;
  compare(
      t, f, shape + ", bf16: decode", decode_goal, [&] { return peer.tokens_per_s(theirs, f.threads, 0, generate); },
      [&] {
        one.push_back(generate / e.decode_s(generate));
        eight.push_back(batch * generate / e.decode_s(generate, batch));
        return one.back();
      },
      2 * f.rounds);
  t.row(shape + ", bf16: decode of 8, against our own of 1", one, eight, 3.5);
  if (deep_goal && !f.quick)
    compare(
        t, f, shape + ", bf16: prefill of 512 after 4,096", *deep_goal,
        [&] { return peer.tokens_per_s(theirs, f.threads, prompt, 0, deep); }, [&] { return warm_prefill(e, deep); },
        2);
}

void compare_int8(table& t, const flags& f, llama_cpp& peer, const std::string& shape, std::uint32_t generate) {
  auto folder = checkpoint_of(shape, f.work, f.embedded);
  auto theirs = peer.convert(folder, true);
  auto options = options_of(f);
  options.weights = model::weight_kind::int8;
  engine e{model::checkpoint::open(folder), options, batch, 2 * prompt};
  fmt::print("{}\n", e.backend().description());
  std::vector<double> one, eight;
  compare(
      t, f, shape + ", int8 against Q8_0: decode", 1.2,
      [&] { return peer.tokens_per_s(theirs, f.threads, 0, generate); },
      [&] {
        one.push_back(generate / e.decode_s(generate));
        eight.push_back(batch * generate / e.decode_s(generate, batch));
        return one.back();
      },
      2 * f.rounds);
  t.row(shape + ", int8: decode of 8, against our own of 1", one, eight, 3.5);
  compare(
      t, f, shape + ", int8 against Q8_0: prefill of 512", 1,
      [&] { return peer.tokens_per_s(theirs, f.threads, prompt, 0); }, [&] { return warm_prefill(e); });
}

/// The embedded model through all actors.
void compare_served(table& t, const flags& f, llama_cpp& peer, nlohmann::ordered_json& json) {
  constexpr std::uint32_t generate = 128;
  auto theirs = peer.convert(f.embedded);
  running_system system{{.model = f.embedded, .threads = f.threads}};
  std::vector<double> around_us;
  int number = 0;
  compare(
      t, f, "embedded model: decode through all actors", 1.0,
      [&] { return peer.tokens_per_s(theirs, f.threads, 0, generate); },
      [&] {
        auto turn = serve_one(system, fmt::format("c{}", ++number), generate);
        // What a turn costs anyway is in a short one too.
        auto shortest = serve_one(system, fmt::format("s{}", number), 2);
        around_us.push_back((turn.around_s - shortest.around_s) / (generate - 2) * 1e6);
        return 1 / turn.token_s;
      },
      4 * f.rounds);
  json["around_a_step_us"] = median(around_us);
  fmt::print("around a decode step: {:.1f} us (goal: at most 20)\n", median(around_us));
}

void run(flags f) {
  llama_cpp peer{f.llama_cpp};
  if (f.threads == 0) f.threads = static_cast<std::uint32_t>(omp_get_num_procs());
  f.work = work_folder(f.work);
  nlohmann::ordered_json json{{"machine", machine()}, {"llama_cpp", peer.version()}, {"threads", f.threads}};
  auto memory = memory_bytes_per_s(f.threads);
  json["memory_gb_per_s"] = memory * 1e-9;
  fmt::print("{}, {} threads, memory reads {:.1f} GB/s; llama.cpp {}\n", json["machine"].get<std::string>(), f.threads,
             memory * 1e-9, peer.version());
  table t;
  table::head();
  if (f.wants("embedded")) {
    compare_served(t, f, peer, json);
    auto theirs = peer.convert(f.embedded);
    engine e{model::checkpoint::open(f.embedded), options_of(f), 1, 2 * prompt};
    compare(
        t, f, "embedded model: prefill of 512", 3.0, [&] { return peer.tokens_per_s(theirs, f.threads, prompt, 0); },
        [&] { return warm_prefill(e); }, 4 * f.rounds);
  }
  if (f.wants("134m")) compare_shape(t, f, peer, "134m", 3.0, {}, 1.1, 64);
  if (f.wants("tinyllama-1.1b")) compare_shape(t, f, peer, "tinyllama-1.1b", 3.0, 2.5, 1.1, 32);
  if (f.wants("int8")) compare_int8(t, f, peer, "tinyllama-1.1b", 32);
  json["rows"] = t.rows;
  write_json(f.json, json);
}

}  // namespace

void add_peers(CLI::App& bench, const fs::path& embedded) {
  auto* command = bench.add_subcommand("peers", "llama.cpp and chromatin on the same weights, in turns");
  auto f = std::make_shared<flags>();
  f->embedded = embedded;
  command->add_option("--llama-cpp", f->llama_cpp, "folder made by `bench/peers/llama-cpp.sh setup FOLDER`")
      ->required();
  command->add_option("--work", f->work, "where checkpoints are written and kept (default: a temporary folder)");
  command->add_option("--threads", f->threads, "of both (default: one per core)");
  command->add_option("--rounds", f->rounds, "of each comparison")->capture_default_str()->check(CLI::Range(1, 100));
  command->add_option("--only", f->only, fmt::format("one or more of {}", fmt::join(parts, ", ")))
      ->check(CLI::IsMember(parts));
  command->add_flag("--quick", f->quick, "leave the long history out");
  command->add_option("--json", f->json, "write the figures to this file");
  command->callback([f] { run(*f); });
}

}  // namespace chromatin::bench

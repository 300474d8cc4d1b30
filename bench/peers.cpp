/// chromatin bench peers: the same work by llama.cpp and by us, in turns.

#include <filesystem>
#include <optional>
#include <utility>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <omp.h>

#include "bench/checkpoints.hpp"
#include "bench/commands.hpp"
#include "bench/engine.hpp"
#include "bench/in_process.hpp"
#include "bench/measure.hpp"
#include "bench/peers/parts.hpp"

namespace chromatin::bench {
namespace {

namespace fs = std::filesystem;

/// Files of quantised weights, by the name of their part.
const std::vector<std::pair<std::string, peers_file>> files{
    {"Q8_0", {"tinyllama-1.1b", "Q8_0"}},        {"Q4_K_M", {"tinyllama-1.1b", "Q4_K_M"}},
    {"qwen3-1.7b-Q8_0", {"qwen3-1.7b", "Q8_0"}}, {"qwen3-1.7b-Q4_K_M", {"qwen3-1.7b", "Q4_K_M"}},
    {"experts-1b-Q8_0", {"experts-1b", "Q8_0"}}, {"experts-1b-Q4_K_M", {"experts-1b", "Q4_K_M"}}};

std::vector<std::string> part_names() {
  std::vector<std::string> names{"embedded", "134m", "tinyllama-1.1b", "int8"};
  for (const auto& [name, file] : files) names.push_back(name);
  return names;
}

void compare_shape(peers_table& t, const peers_flags& f, llama_cpp& peer, const std::string& shape, double prefill_goal,
                   std::optional<double> deep_goal, double decode_goal, std::uint32_t generate) {
  auto folder = checkpoint_of(shape, f.work, f.embedded);
  auto theirs = peer.convert(folder);
  engine e{model::checkpoint::open(folder), f.options(), peers_batch,
           deep_goal ? peers_deep + peers_prompt : 2 * peers_prompt};
  t.compare(
      f, shape + ", bf16: prefill of 512", prefill_goal,
      [&] { return peer.tokens_per_s(theirs, f.threads, peers_prompt, 0); }, [&] { return warm_prefill(e); });
  decode_speeds speeds;
  t.compare(
      f, shape + ", bf16: decode", decode_goal, [&] { return peer.tokens_per_s(theirs, f.threads, 0, generate); },
      [&] { return speeds.measure(e, generate); }, 2 * f.rounds);
  t.at_least(shape + ", bf16: decode of 8, against our own of 1", speeds.one, speeds.batch, 3.5);
  if (deep_goal && !f.quick)
    t.compare(
        f, shape + ", bf16: prefill of 512 after 4,096", *deep_goal,
        [&] { return peer.tokens_per_s(theirs, f.threads, peers_prompt, 0, peers_deep); },
        [&] { return warm_prefill(e, peers_deep); }, 2);
}

void compare_int8(peers_table& t, const peers_flags& f, llama_cpp& peer, const std::string& shape,
                  std::uint32_t generate) {
  auto folder = checkpoint_of(shape, f.work, f.embedded);
  auto theirs = peer.convert(folder, "Q8_0");
  auto options = f.options();
  options.weights = model::weight_kind::int8;
  engine e{model::checkpoint::open(folder), options, peers_batch, 2 * peers_prompt};
  fmt::print("{}\n", e.backend().description());
  decode_speeds speeds;
  t.compare(
      f, shape + ", int8 against Q8_0: decode", 1.2, [&] { return peer.tokens_per_s(theirs, f.threads, 0, generate); },
      [&] { return speeds.measure(e, generate); }, 2 * f.rounds);
  t.at_least(shape + ", int8: decode of 8, against our own of 1", speeds.one, speeds.batch, 3.5);
  t.compare(
      f, shape + ", int8 against Q8_0: prefill of 512", 1,
      [&] { return peer.tokens_per_s(theirs, f.threads, peers_prompt, 0); }, [&] { return warm_prefill(e); });
}

/// The embedded model through all actors.
void compare_served(peers_table& t, const peers_flags& f, llama_cpp& peer, nlohmann::ordered_json& json) {
  constexpr std::uint32_t generate = 128;
  auto theirs = peer.convert(f.embedded);
  running_system system{{.model = f.embedded, .threads = f.threads}};
  std::vector<double> around_us;
  int number = 0;
  t.compare(
      f, "embedded model: decode through all actors", 1.0,
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

void run(peers_flags f) {
  llama_cpp peer{f.llama_cpp};
  if (f.threads == 0) f.threads = static_cast<std::uint32_t>(omp_get_num_procs());
  f.work = work_folder(f.work);
  nlohmann::ordered_json json{{"machine", machine()}, {"llama_cpp", peer.version()}, {"threads", f.threads}};
  f.memory_bytes_per_s = memory_bytes_per_s(f.threads);
  json["memory_gb_per_s"] = f.memory_bytes_per_s * 1e-9;
  fmt::print("{}, {} threads, memory reads {:.1f} GB/s; llama.cpp {}\n", json["machine"].get<std::string>(), f.threads,
             f.memory_bytes_per_s * 1e-9, peer.version());
  peers_table t;
  peers_table::head();
  if (f.wants("embedded")) {
    compare_served(t, f, peer, json);
    auto theirs = peer.convert(f.embedded);
    engine e{model::checkpoint::open(f.embedded), f.options(), 1, 2 * peers_prompt};
    t.compare(
        f, "embedded model: prefill of 512", 3.0, [&] { return peer.tokens_per_s(theirs, f.threads, peers_prompt, 0); },
        [&] { return warm_prefill(e); }, 4 * f.rounds);
  }
  if (f.wants("134m")) compare_shape(t, f, peer, "134m", 3.0, {}, 1.1, 64);
  if (f.wants("tinyllama-1.1b")) compare_shape(t, f, peer, "tinyllama-1.1b", 3.0, 2.5, 1.1, 32);
  if (f.wants("int8")) compare_int8(t, f, peer, "tinyllama-1.1b", 32);
  for (const auto& [name, file] : files)
    if (f.wants(name)) compare_gguf(t, f, peer, file);
  json["rows"] = t.rows;
  write_json(f.json, json);
}

}  // namespace

void add_peers(CLI::App& bench, const fs::path& embedded) {
  auto* command = bench.add_subcommand("peers", "llama.cpp and chromatin on the same weights, in turns");
  auto f = std::make_shared<peers_flags>();
  f->embedded = embedded;
  command->add_option("--llama-cpp", f->llama_cpp, "folder made by `bench/peers/llama-cpp.sh setup FOLDER`")
      ->required();
  command->add_option("--work", f->work, "where checkpoints are written and kept (default: a temporary folder)");
  command->add_option("--threads", f->threads, "of both (default: one per core)");
  command->add_option("--rounds", f->rounds, "of each comparison")->capture_default_str()->check(CLI::Range(1, 100));
  auto parts = part_names();
  command->add_option("--only", f->only, fmt::format("one or more of {}", fmt::join(parts, ", ")))
      ->check(CLI::IsMember(parts));
  command
      ->add_option("--figures", f->figures,
                   fmt::format("of files of quantised weights, one or more of {}", fmt::join(gguf_figures, ", ")))
      ->check(CLI::IsMember(gguf_figures));
  command->add_flag("--quick", f->quick, "leave the long history out");
  command->add_option("--json", f->json, "write the figures to this file");
  command->callback([f] { run(*f); });
}

}  // namespace chromatin::bench

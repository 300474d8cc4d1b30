/// chromatin bench executor: where the CPU backend's time and memory go.

#include <filesystem>
#include <map>
#include <optional>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "bench/commands.hpp"
#include "bench/engine.hpp"
#include "bench/in_process.hpp"
#include "bench/measure.hpp"
#include "gpu/cpu/kernels.hpp"
#include "io/progress.hpp"

namespace chromatin::bench {
namespace {

constexpr std::uint32_t prefill_tokens = 512, decode_tokens = 32, deep = 4096, executor_batch = 8;
constexpr int executor_rounds = 3;

struct executor_flags {
  std::filesystem::path model;
  std::uint32_t threads = 0;
  std::string json;
};

/// A table of operations: share of the time of `work`, which is done `rounds` times.
template <class Work>
nlohmann::ordered_json operations(const std::string& title, gpu::operation_times& times, std::uint32_t tokens,
                                  Work work) {
  auto seconds = io::waiting(title, [&] {
    work();
    times = {};
    double sum = 0;
    for (int i = 0; i < executor_rounds; ++i) sum += work();
    return sum;
  });
  nlohmann::ordered_json json{{"tokens_per_s", executor_rounds * tokens / seconds}};
  fmt::print("\n{}: {:.1f} tokens/s\n", title, executor_rounds * tokens / seconds);
  double rest = seconds;
  auto line = [&](const char* name, double spent) {
    fmt::print("  {:<22} {:9.1f} us/token {:5.1f} %\n", name, spent / executor_rounds / tokens * 1e6,
               100 * spent / seconds);
    json["us_per_token"][name] = spent / executor_rounds / tokens * 1e6;
  };
  for (std::size_t i = 0; i < gpu::operation_count; ++i) {
    auto spent = std::chrono::duration<double>(times.spent[i]).count();
    rest -= spent;
    line(gpu::operation_names[i], spent);
  }
  line("around them", rest);
  return json;
}

/// The attention kernel over a history of `deep` tokens, keys rotated in the kernel or taken as they are.
double attention_s(const model::config& c, bool keys_rotated) {
  constexpr std::uint32_t tokens = 32;
  auto geometry = c.cache_geometry(kv::dtype::bf16);
  geometry.layers = 1;
  auto chunks = kv::chunks_for(deep + tokens);
  auto memory = kv::plain_memory(chunks * geometry.chunk_bytes());
  std::fill_n(reinterpret_cast<std::uint16_t*>(memory.data.get()), memory.size_bytes / 2, 0x3c00);
  std::vector<std::byte*> pages;
  for (std::uint32_t i = 0; i < chunks; ++i) pages.push_back(memory.data.get() + i * geometry.chunk_bytes());
  auto rows = tokens * c.group();
  std::vector<float> queries(std::size_t{rows} * c.head_dim, 0.01f), out(queries.size());
  std::vector<float> cosines(std::size_t{deep + tokens} * c.head_dim / 2, 0.8f), sines(cosines.size(), 0.6f);
  std::vector<float> scratch(gpu::attention_scratch_floats(rows, c.head_dim));
  gpu::attention_args args{.queries = queries.data(),
                           .out = out.data(),
                           .row_stride = std::size_t{c.group()} * c.head_dim,
                           .tokens = tokens,
                           .first_position = deep,
                           .group = c.group(),
                           .head_dim = c.head_dim,
                           .pages = pages.data(),
                           .keys_offset = 0,
                           .values_offset = geometry.values_offset_bytes(),
                           .bf16 = true,
                           .cosines = cosines.data(),
                           .sines = sines.data(),
                           .scratch = scratch.data(),
                           .fixed_order = false,
                           .keys_rotated = keys_rotated};
  return seconds_of([&] {
    for (int i = 0; i < 20; ++i) gpu::kernels().attention(args);
  });
}

nlohmann::ordered_json rotation_cost(const model::config& c) {
  std::vector<double> in_kernel, as_is;
  for (int i = 0; i < 9; ++i) {
    in_kernel.push_back(attention_s(c, false));
    as_is.push_back(attention_s(c, true));
  }
  auto ratio = median(in_kernel) / median(as_is);
  fmt::print("\nattention after {} tokens, keys rotated in the kernel: {:.3f} x the time on rotated keys\n", deep,
             ratio);
  return ratio;
}

/// What a turn that comes back computes: some new tokens after a history.
nlohmann::ordered_json short_prefills(engine& e) {
  constexpr std::uint32_t history = 512;
  nlohmann::ordered_json json;
  fmt::print("\na few tokens after {}, milliseconds\n", history);
  for (std::uint32_t tokens : {1u, 4u, 8u, 12u, 16u, 24u, 32u, 48u, 64u}) {
    std::vector<double> seconds;
    for (int i = 0; i < 3 * executor_rounds; ++i) seconds.push_back(e.prefill_s(tokens, history));
    json[std::to_string(tokens)] = 1e3 * median(seconds);
    fmt::print("  {:>4} {:8.2f}\n", tokens, 1e3 * median(seconds));
  }
  return json;
}

nlohmann::ordered_json deterministic_cost(const std::shared_ptr<const model::checkpoint>& checkpoint, engine& plain,
                                          gpu::cpu_options options) {
  options.times = nullptr;
  options.deterministic = true;
  engine fixed{checkpoint, options, executor_batch, prefill_tokens + decode_tokens};
  std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> seconds;
  std::optional<io::waiting_line> waiting{std::in_place, "with and without --deterministic"};
  for (int i = 0; i < executor_rounds; ++i)
    for (bool deterministic : {false, true}) {
      auto& e = deterministic ? fixed : plain;
      auto take = [&](const char* what, double s) {
        (deterministic ? seconds[what].second : seconds[what].first).push_back(s);
      };
      take("prefill", e.prefill_s(prefill_tokens));
      take("decode", e.decode_s(decode_tokens));
      take("decode of 8", e.decode_s(decode_tokens, executor_batch));
    }
  waiting.reset();
  nlohmann::ordered_json json;
  fmt::print("\n--deterministic costs\n");
  for (const auto& [what, both] : seconds) {
    json[what] = median(both.second) / median(both.first);
    fmt::print("  {:<22} {:.2f} x the time\n", what, json[what].get<double>());
  }
  return json;
}

void run(const executor_flags& f) {
  nlohmann::ordered_json json{{"machine", machine()}};
  auto checkpoint = model::checkpoint::open(f.model);
  auto type = gpu::best_compute_type();
  gpu::operation_times times;
  gpu::cpu_options options{.compute = type, .threads = f.threads, .step_tokens_max = prefill_tokens, .times = &times};
  auto room = std::min(deep + prefill_tokens, checkpoint->config.context);
  engine e{checkpoint, options, executor_batch, room};
  fmt::print("{}\n{}: {}\n", json["machine"].get<std::string>(), checkpoint->name, e.backend().description());

  json["prefill"] = operations(fmt::format("prefill of {} tokens", prefill_tokens), times, prefill_tokens,
                               [&] { return e.prefill_s(prefill_tokens); });
  if (room > deep)
    json["prefill_deep"] = operations(fmt::format("prefill of {} tokens after {}", prefill_tokens, deep), times,
                                      prefill_tokens, [&] { return e.prefill_s(prefill_tokens, deep); });
  json["decode"] =
      operations("decode of one sequence", times, decode_tokens, [&] { return e.decode_s(decode_tokens); });
  json["decode_batch"] = operations("decode of 8 sequences", times, decode_tokens * executor_batch,
                                    [&] { return e.decode_s(decode_tokens, executor_batch); });
  json["short_prefill_ms"] = short_prefills(e);
  auto arenas = e.page_bytes(), used = e.used_page_bytes(), weights = e.backend().weight_bytes();
  auto peak = peak_memory_bytes();
  auto gib = [](std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 30); };
  json["memory"] = {
      {"peak_bytes", peak}, {"weights_bytes", weights}, {"pages_bytes", arenas}, {"used_pages_bytes", used}};
  auto over = [&](std::uint64_t pages) { return static_cast<double>(peak) / static_cast<double>(weights + pages); };
  fmt::print(
      "\nmemory at most {:.3f} GiB: packed weights {:.3f} + pages {:.3f} = {:.3f} x; + pages used {:.3f} = {:.3f} x\n",
      gib(peak), gib(weights), gib(arenas), over(arenas), gib(used), over(used));
  json["rotation_ratio"] = rotation_cost(checkpoint->config);
  options.times = nullptr;
  json["deterministic_ratio"] = deterministic_cost(checkpoint, e, options);
  std::vector<double> starts;
  io::waiting("starts", [&] {
    for (int i = 0; i < executor_rounds; ++i) starts.push_back(start_s(f.model));
  });
  json["start_s"] = median(starts);
  fmt::print("\nfrom start to ready: {:.0f} ms\n", 1e3 * median(starts));
  write_json(f.json, json);
}

}  // namespace

void add_executor(CLI::App& bench, const std::filesystem::path& embedded) {
  auto* command = bench.add_subcommand("executor", "Where the CPU backend's time and memory go, by operation");
  auto f = std::make_shared<executor_flags>();
  f->model = embedded;
  command->add_option("--model", f->model, "checkpoint folder (default: the embedded model)");
  command->add_option("--threads", f->threads, "of the backend (default: one per core)");
  command->add_option("--json", f->json, "write the figures to this file");
  command->callback([f] { run(*f); });
}

}  // namespace chromatin::bench

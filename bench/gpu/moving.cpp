#include <future>
#include <optional>

#include <fmt/format.h>

#include "bench/gpu/parts.hpp"
#include "bench/measure.hpp"

namespace chromatin::bench {
namespace {

constexpr double load_goal = 85;                             ///< percent of the link
constexpr double overlap_goal = 1.15;                        ///< over the longer of loading and computing
constexpr double shorter_goal = 87, long_shorter_goal = 95;  ///< percent below computing anew
constexpr double long_throughput_goal = 22;                  ///< times
constexpr double saving_goal = 3;                            ///< percent
constexpr int steps_with_saving = 3;

/// Computed, and kept in pinned memory.
std::shared_ptr<kept_chunks> keep(model_rig& rig, const kv::block_table& pages, std::uint32_t tokens) {
  rig.prefill(pages, 0, tokens);
  auto kept = rig.room(tokens);
  moves under_way;
  for (std::uint32_t layer = 0; layer < rig.geometry().layers; ++layer)
    rig.save_layer(pages, kept, layer, {}, under_way);
  under_way.wait();
  return kept;
}

double load_s(model_rig& rig, const kept_chunks& kept, const kv::block_table& pages) {
  return median_s(rig.repeats(), [&] {
    moves under_way;
    rig.load(kept, pages, under_way);
    under_way.wait();
  });
}

/// Seconds to the first token of a conversation that comes back.
struct first_token_times {
  double load = 0, compute = 0, both = 0, anew = 0;
  bool same_token = false;
};

first_token_times first_token(model_rig& rig, std::uint32_t history, std::uint32_t fresh) {
  first_token_times t;
  auto resident = rig.pages(history + fresh), returned = rig.pages(history + fresh);
  auto kept = keep(rig, resident, history);
  auto turn = [&](const kv::block_table& pages) {
    return gpu::step_batch{.sequences = {rig.part(pages, history, fresh)}, .ends = {}};
  };
  kv::token_id from_resident = 0;
  std::optional<kv::token_id> from_loaded;  // of the first time: later the pages have had it all before
  t.both = median_s(rig.repeats(), [&] {
    moves under_way;
    std::vector<std::promise<gpu::fence>> promised(rig.geometry().layers);
    std::vector<std::future<gpu::fence>> coming;
    for (auto& p : promised) coming.push_back(p.get_future());
    // A thread enqueues loads while another enqueues the step, as the actors of the host tier and of the executor do.
    auto loads = std::async(std::launch::async, [&] {
      auto own = std::move(promised);  // broken if a load throws
      rig.load(*kept, returned, under_way, [&](std::uint32_t layer, const gpu::fence& f) { own[layer].set_value(f); });
    });
    auto token =
        rig.run(turn(returned), [&](std::uint32_t layer) { return coming[layer].get(); }).front().tokens.front();
    from_loaded = from_loaded.value_or(token);
    loads.get();
    under_way.wait();  // over by then, but for what is told to the host
  });
  t.compute = median_s(rig.repeats(), [&] { from_resident = rig.run(turn(resident)).front().tokens.front(); });
  t.load = load_s(rig, *kept, returned);
  t.anew = median_s(rig.repeats() > 2 ? 2 : 1, [&] { rig.prefill(resident, 0, history + fresh); });
  t.same_token = from_loaded == from_resident;
  return t;
}

}  // namespace

void measure_load(model_rig& rig, const gpu_bench_sizes& sizes, const machine_limits& limits, report& to) {
  to.section(fmt::format("Loading {} tokens of history, layer by layer, with checksums", sizes.history));
  auto pages = rig.pages(sizes.history);
  auto kept = keep(rig, pages, sizes.history);
  auto s = load_s(rig, *kept, pages);
  auto bytes = static_cast<double>(rig.cache_bytes(sizes.history));
  to.add({.key = "load.ms",
          .name = fmt::format("{:.0f} MiB", bytes / (1 << 20)),
          .value = s * 1e3,
          .unit = "ms",
          .beside = fmt::format("{:.1f} GB/s", bytes / s * 1e-9)});
  to.add({.key = "load.percent_of_link",
          .name = fmt::format("  of {:.1f} GB/s", limits.to_device_bytes_per_s * 1e-9),
          .value = 100 * bytes / s / limits.to_device_bytes_per_s,
          .unit = "%",
          .at_least = load_goal});
}

void measure_first_token(model_rig& rig, const gpu_bench_sizes& sizes, bool long_one, const machine_limits& limits,
                         report& to) {
  auto history = long_one ? sizes.long_history : sizes.turn_history, fresh = sizes.turn_new;
  to.section(fmt::format("First token of a turn of {} tokens after {} that lie in pinned memory", fresh, history));
  if (auto wanted = 2 * kv::chunks_for(history + fresh);
      rig.free_device_pages() < wanted || rig.free_host_pages() < kv::chunks_for(history))
    return to.note(fmt::format("left out: {} pages of the device and {} of the host are not there", wanted,
                               kv::chunks_for(history)));
  auto t = first_token(rig, history, fresh);
  std::string key = long_one ? "first_token_long" : "first_token";
  auto ms = [&](const char* what, const char* name, double s, std::string beside = {}) {
    to.add({.key = fmt::format("{}.{}_ms", key, what),
            .name = name,
            .value = s * 1e3,
            .unit = "ms",
            .beside = std::move(beside)});
  };
  auto bytes = static_cast<double>(rig.cache_bytes(history));
  ms("anew", "all of it computed anew", t.anew);
  ms("load", "loaded, no compute", t.load, fmt::format("{:.1f} GB/s", bytes / t.load * 1e-9));
  ms("compute", "computed, history in the device", t.compute,
     fmt::format("{:.1f} % below computing anew", 100 * (1 - t.compute / t.anew)));
  ms("by_layer", "loaded layer by layer while computing", t.both,
     t.same_token ? "same token as from the device" : "ANOTHER TOKEN THAN FROM THE DEVICE");
  to.add({.key = key + ".overlap",
          .name = "  over the longer of loading and computing",
          .value = t.both / std::max(t.load, t.compute),
          .unit = "x",
          .at_most = overlap_goal});
  auto best = std::max(t.compute, bytes / limits.to_device_bytes_per_s);
  to.add({.key = key + ".percent_below",
          .name = "  below computing anew",
          .value = 100 * (1 - t.both / t.anew),
          .unit = "%",
          .at_least = long_one ? long_shorter_goal : shorter_goal,
          .beside = fmt::format("{:.1f} % if the link were the only limit", 100 * (1 - best / t.anew))});
  if (!long_one) return;
  to.add({.key = key + ".throughput",
          .name = "  prompt tokens a second over computing anew",
          .value = t.anew / t.both,
          .unit = "x",
          .at_least = long_throughput_goal,
          .beside = fmt::format("{:.1f} x with the history in the device", t.anew / t.compute)});
}

namespace {

void add_saving(const std::string& key, const std::string& name, double plain_s, double saving_s, report& to) {
  to.add({.key = key,
          .name = name,
          .value = 100 * (saving_s / plain_s - 1),
          .unit = "%",
          .at_most = saving_goal,
          .beside = fmt::format("{:.2f} ms over {:.2f}", saving_s * 1e3, plain_s * 1e3)});
}

/// Medians of both, in turns.
template <class Plain, class Saving>
std::pair<double, double> in_turns(int repeats, Plain plain, Saving saving) {
  std::vector<double> a, b;
  plain();
  saving();
  for (int i = 0; i < repeats; ++i) {
    a.push_back(plain());
    b.push_back(saving());
  }
  return {median(std::move(a)), median(std::move(b))};
}

}  // namespace

void measure_saving(model_rig& rig, const gpu_bench_sizes& sizes, report& to) {
  to.section("What saving adds to compute");
  auto layers = rig.geometry().layers;
  {
    auto pages = rig.pages(sizes.history);
    auto kept = rig.room(sizes.history);
    auto tokens = std::min(sizes.history, rig.step_tokens_max());
    auto steps_s = [&](const model_rig::layer_hook& written) {
      return seconds_of([&] {
               for (int i = 0; i < steps_with_saving; ++i)
                 rig.run({.sequences = {rig.part(pages, 0, tokens)}, .ends = {}}, {}, written);
             }) /
             steps_with_saving;
    };
    auto with = [&](const std::function<void(std::uint32_t, const gpu::fence&, moves&)>& save) {
      moves under_way;
      auto s = steps_s([&](std::uint32_t layer, const gpu::fence& f) { save(layer, f, under_way); });
      under_way.wait();
      return s;
    };
    auto [plain, saving] = in_turns(
        2 * rig.repeats(), [&] { return steps_s({}); },
        [&] {
          return with([&](std::uint32_t layer, const gpu::fence& f, moves& under_way) {
            rig.save_layer(pages, kept, layer, f, under_way);
          });
        });
    add_saving("saving.prefill_percent", fmt::format("to steps of {} new tokens", sizes.history), plain, saving, to);
    auto [alone, copying] = in_turns(
        2 * rig.repeats(), [&] { return steps_s({}); },
        [&] {
          return with([&](std::uint32_t, const gpu::fence&, moves& under_way) {
            rig.copy_out(rig.cache_bytes(tokens) / layers, under_way);
          });
        });
    to.add({.key = "saving.copying_percent",
            .name = "  as many bytes copied out, behind nothing and unchecked",
            .value = 100 * (copying / alone - 1),
            .unit = "%",
            .beside = fmt::format("{:.2f} ms over {:.2f}", copying * 1e3, alone * 1e3)});
  }
  // Each sequence fills a chunk in the time of so many steps; that of the chunks before is when they are saved.
  for (std::uint32_t count : {1u, 8u}) {
    std::vector<kv::block_table> tables;
    auto kept = rig.room(count * kv::tokens_per_chunk);
    std::vector<kv::page_ref> full;
    for (std::uint32_t i = 0; i < count; ++i) {
      tables.push_back(rig.pages(sizes.decode_context + sizes.decode_tokens));
      rig.prefill(tables.back(), 0, sizes.decode_context);
      full.push_back(tables.back()->front());
    }
    auto chunks = std::make_shared<const std::vector<kv::page_ref>>(std::move(full));
    auto burst_s = [&] {
      gpu::step_batch batch{.steps = sizes.decode_tokens, .ends = {}};
      for (const auto& table : tables) batch.sequences.push_back(rig.part(table, sizes.decode_context, 1));
      return seconds_of([&] { rig.run(std::move(batch)); });
    };
    auto [plain, saving] = in_turns(rig.repeats(), burst_s, [&] {
      moves under_way;
      for (std::uint32_t layer = 0; layer < layers; ++layer) rig.save_layer(chunks, kept, layer, {}, under_way);
      auto s = burst_s();
      under_way.wait();
      return s;
    });
    add_saving(fmt::format("saving.decode_percent.{}", count),
               fmt::format("to {} tokens of {} sequence{}, which fill a chunk each", sizes.decode_tokens, count,
                           count > 1 ? "s" : ""),
               plain, saving, to);
  }
}

}  // namespace chromatin::bench

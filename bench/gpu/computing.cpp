#include <algorithm>

#include <fmt/format.h>

#include "bench/gpu/parts.hpp"
#include "bench/measure.hpp"

namespace chromatin::bench {
namespace {

constexpr double prefill_goal = 55, decode_goal = 70;  ///< percent of the chip's peak, of its memory's
constexpr std::uint32_t prefill_asked = 2048;          ///< tokens

}  // namespace

void measure_prefill(model_rig& rig, const gpu_bench_sizes& sizes, const machine_limits& limits, report& to) {
  to.section("Prefill, one step");
  auto tokens_max = *std::max_element(sizes.prefills.begin(), sizes.prefills.end());
  auto pages = rig.pages(tokens_max);
  for (auto tokens : sizes.prefills) {
    auto s = median_s(rig.repeats(), [&] { rig.prefill(pages, 0, tokens); });
    auto per_s = rig.operations(tokens) / s;
    auto key = fmt::format("prefill.{}", tokens);
    to.add({.key = key + ".ms",
            .name = fmt::format("{} tokens", tokens),
            .value = s * 1e3,
            .unit = "ms",
            .beside = fmt::format("{:.0f} tokens/s", tokens / s)});
    figure part{.key = key + ".percent_of_peak",
                .name = fmt::format("  of {:g} TFLOP/s", limits.bf16_per_s() * 1e-12),
                .value = 100 * per_s / limits.bf16_per_s(),
                .unit = "%",
                .beside = fmt::format("{:.1f} TFLOP/s, {:.0f} % of the large product's", per_s * 1e-12,
                                      100 * per_s / limits.product_per_s)};
    if (tokens == prefill_asked) part.at_least = prefill_goal;
    to.add(part);
  }
}

void measure_decode(model_rig& rig, const gpu_bench_sizes& sizes, const machine_limits& limits, report& to) {
  to.section(fmt::format("Decode, {} tokens after {}", sizes.decode_tokens, sizes.decode_context));
  std::vector<kv::block_table> tables{rig.pages(sizes.decode_context + sizes.decode_tokens)};
  rig.prefill(tables.front(), 0, sizes.decode_context);
  auto all_tokens = sizes.decode_context + sizes.decode_tokens;
  for (auto count : sizes.decode_batches) {
    if (rig.free_device_pages() < (count - std::min<std::size_t>(count, tables.size())) * kv::chunks_for(all_tokens)) {
      to.note(fmt::format("{} sequences do not fit into the device's memory", count));
      continue;
    }
    while (tables.size() < count) {
      tables.push_back(rig.pages(all_tokens));
      rig.copy(tables.front(), tables.back(), sizes.decode_context);
    }
    auto s = median_s(rig.repeats(), [&] {
      gpu::step_batch batch{.steps = sizes.decode_tokens, .ends = {}};
      for (std::uint32_t i = 0; i < count; ++i) batch.sequences.push_back(rig.part(tables[i], sizes.decode_context, 1));
      rig.run(std::move(batch));
    });
    s /= sizes.decode_tokens;
    auto bytes = static_cast<double>(rig.matrix_bytes()) +
                 count * static_cast<double>(rig.cache_bytes(sizes.decode_context + sizes.decode_tokens / 2));
    auto key = fmt::format("decode.{}", count);
    to.add({.key = key + ".ms",
            .name = fmt::format("a step of {} sequence{}", count, count > 1 ? "s" : ""),
            .value = s * 1e3,
            .unit = "ms",
            .beside = fmt::format("{:.1f} tokens/s", count / s)});
    figure part{.key = key + ".percent_of_bandwidth",
                .name = fmt::format("  of {:.0f} GB/s", limits.memory_bytes_per_s() * 1e-9),
                .value = 100 * bytes / s / limits.memory_bytes_per_s(),
                .unit = "%",
                .beside = fmt::format("{:.2f} GB a step, {:.0f} % of copying", bytes * 1e-9,
                                      100 * bytes / s / limits.copy_bytes_per_s)};
    if (count == 1) part.at_least = decode_goal;
    to.add(part);
  }
}

}  // namespace chromatin::bench

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "bench/gpu/parts.hpp"
#include "model/rope.hpp"

namespace chromatin::bench {
namespace {

constexpr double rotation_goal = 5;  ///< percent of the attention kernel

/// One sequence's pages with random keys and values, and everything around them that the kernels want.
class attention_rig {
 public:
  attention_rig(workbench& on, const model::config& c, std::uint32_t tokens_max)
      : on_{on},
        config_{c},
        geometry_{c.cache_geometry(kv::dtype::bf16)},
        memory_{on.random(kv::chunks_for(tokens_max) * geometry_.chunk_bytes())} {
    std::vector<std::byte*> pages;
    for (std::uint32_t i = 0; i < kv::chunks_for(tokens_max); ++i)
      pages.push_back(memory_.data.get() + i * geometry_.chunk_bytes());
    pages_ = on.upload(std::span<std::byte* const>{pages});
    std::vector<float> cosines, sines;
    auto frequencies = model::rotary_frequencies(c);
    for (std::uint32_t p = 0; p < tokens_max; ++p)
      for (auto f : frequencies) {
        cosines.push_back(std::cos(static_cast<float>(p) * f));
        sines.push_back(std::sin(static_cast<float>(p) * f));
      }
    cosines_ = on.upload(std::span<const float>{cosines});
    sines_ = on.upload(std::span<const float>{sines});
  }

  /// Seconds of one layer over `rows` new tokens behind `position` others; `with_store`: of what puts their keys into
  /// pages, too, which rotates them for prefill.
  double layer_s(std::uint32_t rows, std::uint32_t position, bool keys_rotated, bool with_store = false) {
    auto& kernels = on_.device().kernels();
    bool decode = rows == 1;
    gpu::cuda::sequence_view view{
        .first_row = 0, .rows = rows, .position = position, .first_page = 0, .first_rotated = 0};
    std::vector<std::uint32_t> sequence_of_row(rows, 0);
    std::vector<gpu::cuda::attention_piece> pieces;
    auto height = decode ? 1 : kernels.prefill_rows;
    for (std::uint32_t first = 0; first < rows; first += height)
      pieces.push_back({.sequence = 0, .first = first, .rows = std::min(height, rows - first)});
    std::reverse(pieces.begin(), pieces.end());  // the longest first
    auto on_device_view = on_.upload(std::span<const gpu::cuda::sequence_view>{&view, 1});
    auto on_device_rows = on_.upload(std::span<const std::uint32_t>{sequence_of_row});
    auto on_device_pieces = on_.upload(std::span<const gpu::cuda::attention_piece>{pieces});
    auto width = std::size_t{config_.heads + 2 * config_.kv_heads} * config_.head_dim;
    auto qkv = on_.random(2 * rows * width);
    auto out = on_.device().allocate(std::size_t{2} * rows * config_.heads * config_.head_dim);
    auto context = position + rows;
    auto floats = decode ? gpu::cuda::attention_scratch_floats(rows, context, config_.heads, config_.head_dim)
                         : gpu::cuda::prefill_scratch_floats(pieces.size(), context, config_.heads, config_.head_dim);
    auto scratch = on_.device().allocate(sizeof(float) * std::max<std::size_t>(floats, 1));
    auto rotated = on_.device().allocate(2 * kv::chunks_for(context) * std::size_t{config_.kv_heads} *
                                         gpu::cuda::page_tokens * config_.head_dim);
    auto turns = on_.upload(std::span<const std::uint32_t>{std::vector<std::uint32_t>(rows * config_.heads)});
    gpu::cuda::attention_args args{
        .batch = {as<const gpu::cuda::sequence_view>(on_device_view), 1, as<const std::uint32_t>(on_device_rows), rows,
                  as<std::byte* const>(pages_)},
        .shape = {.heads = config_.heads,
                  .kv_heads = config_.kv_heads,
                  .head_dim = config_.head_dim,
                  .values_offset = geometry_.values_offset_bytes(),
                  .cosines = as<const float>(cosines_),
                  .sines = as<const float>(sines_),
                  .scale = 1 / std::sqrt(static_cast<float>(config_.head_dim))},
        .qkv = as<const std::uint16_t>(qkv),
        .out = as<std::uint16_t>(out),
        .pieces = as<const gpu::cuda::attention_piece>(on_device_pieces),
        .piece_count = static_cast<std::uint32_t>(pieces.size()),
        .context_max = context,
        .history_max = position,
        .scratch = as<float>(scratch),
        .rotated_keys = decode || keys_rotated ? nullptr : as<std::uint16_t>(rotated),
        .turns = as<std::uint32_t>(turns),
        .keys_rotated = keys_rotated};
    // Layer after layer, as in a model: else a short history would stay in the chip's caches.
    auto seconds = on_.seconds([&] {
      for (std::uint32_t layer = 0; layer < geometry_.layers; ++layer) {
        args.shape.keys_offset = geometry_.slice(layer).offset_bytes;
        if (with_store)
          kernels.store(on_.stream(), args.batch, args.shape, nullptr, as<std::uint16_t>(qkv), args.rotated_keys);
        (decode ? kernels.attention_decode : kernels.attention_prefill)(on_.stream(), args);
      }
    });
    return seconds / geometry_.layers;
  }

 private:
  workbench& on_;
  const model::config& config_;
  kv::geometry geometry_;
  kv::memory_block memory_, pages_, cosines_, sines_;
};

/// Seconds that rotating keys adds to prefill's attention and to the store before it, together: it is done in both.
double prefill_rotation_s(attention_rig& rig, std::uint32_t rows) {
  return rig.layer_s(rows, 0, false, true) - rig.layer_s(rows, 0, true, true);
}

/// What of attention's time goes into rotating keys; `rotating_s` is `rotated_s` and what rotation adds.
void add_rotation(const std::string& key, const std::string& name, const std::string& where, double rotating_s,
                  double rotated_s, report& to) {
  to.add({.key = key + ".rotation_percent",
          .name = fmt::format("{}: rotating keys {} adds", name, where),
          .value = 100 * (rotating_s / rotated_s - 1),
          .unit = "%",
          .at_most = rotation_goal});
}

}  // namespace

void measure_attention(workbench& on, const model::config& shape, const gpu_bench_sizes& sizes,
                       const machine_limits& limits, report& to) {
  to.section("The attention kernels alone, a layer");
  auto longest = sizes.turn_history + sizes.turn_new;
  for (const auto* list : {&sizes.attention_prefills, &sizes.attention_decodes})
    for (auto tokens : *list) longest = std::max(longest, tokens);
  attention_rig rig{on, shape, longest};
  for (auto rows : sizes.attention_prefills) {
    auto rotated_s = rig.layer_s(rows, 0, true), s = rotated_s + prefill_rotation_s(rig, rows);
    auto operations = 4.0 * shape.heads * shape.head_dim * (0.5 * rows * (rows + 1.0));
    auto key = fmt::format("attention_prefill.{}", rows), name = fmt::format("prefill of {} tokens", rows);
    to.add({.key = key + ".tflop_per_s",
            .name = name,
            .value = operations / s * 1e-12,
            .unit = "TFLOP/s",
            .beside = fmt::format("{:.0f} us with rotation, {:.0f} % of {:g} TFLOP/s; half of the square counts",
                                  s * 1e6, 100 * operations / s / limits.bf16_per_s(), limits.bf16_per_s() * 1e-12)});
    add_rotation(key, name, "in the store before and inside", s, rotated_s, to);
  }
  {
    auto s = rig.layer_s(sizes.turn_new, sizes.turn_history, false, true);
    to.add({.key = "attention_turn.us",
            .name = fmt::format("{} tokens after {}, with the store before", sizes.turn_new, sizes.turn_history),
            .value = s * 1e6,
            .unit = "us"});
  }
  for (auto keys : sizes.attention_decodes) {
    auto s = rig.layer_s(1, keys - 1, false), rotated_s = rig.layer_s(1, keys - 1, true);
    auto bytes = 4.0 * keys * shape.kv_heads * shape.head_dim;
    auto key = fmt::format("attention_decode.{}", keys), name = fmt::format("one token after {}", keys - 1);
    to.add({.key = key + ".gb_per_s",
            .name = name,
            .value = bytes / s * 1e-9,
            .unit = "GB/s",
            .beside = fmt::format("{:.1f} us, {:.0f} % of {:.0f} GB/s", s * 1e6,
                                  100 * bytes / s / limits.memory_bytes_per_s(), limits.memory_bytes_per_s() * 1e-9)});
    add_rotation(key, name, "inside", s, rotated_s, to);
  }
}

}  // namespace chromatin::bench

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "bench/gpu/parts.hpp"

namespace chromatin::bench {
namespace {

constexpr std::uint32_t sampled_rows = 32;

/// Measures kernels one by one, each with memory of its own.
class small_kernels {
 public:
  small_kernels(workbench& on, const model::config& c, std::uint32_t rows, const machine_limits& limits, report& to)
      : on_{on}, c_{c}, rows_{rows}, limits_{limits}, to_{to}, kernels_{on.device().kernels()} {}

  void embed() {
    std::vector<std::uint32_t> tokens(rows_);
    for (std::uint32_t i = 0; i < rows_; ++i) tokens[i] = i * 7919 % c_.vocabulary;
    auto table = on_.random(std::size_t{2} * c_.vocabulary * c_.hidden);
    auto numbers = on_.upload(std::span<const std::uint32_t>{tokens});
    auto out = on_.device().allocate(std::size_t{4} * rows_ * c_.hidden);
    add("embed", 6.0 * rows_ * c_.hidden, [&] {
      kernels_.embed(on_.stream(), as<std::uint16_t>(table), c_.vocabulary, c_.hidden, as<std::uint32_t>(numbers),
                     rows_, as<float>(out));
    });
  }

  void rms_norm() {
    auto x = on_.random(std::size_t{4} * rows_ * c_.hidden), gain = on_.random(std::size_t{4} * c_.hidden);
    auto out = on_.device().allocate(std::size_t{2} * rows_ * c_.hidden);
    add("rms_norm", 6.0 * rows_ * c_.hidden, [&] {
      kernels_.rms_norm(on_.stream(), as<float>(x), as<float>(gain), c_.rms_norm_eps, c_.hidden, nullptr, rows_,
                        as<std::uint16_t>(out));
    });
  }

  void silu_mul() {
    auto gate_up = on_.random(std::size_t{4} * rows_ * c_.ffn);
    auto out = on_.device().allocate(std::size_t{2} * rows_ * c_.ffn);
    add("silu_mul", 6.0 * rows_ * c_.ffn,
        [&] { kernels_.silu_mul(on_.stream(), as<std::uint16_t>(gate_up), c_.ffn, rows_, as<std::uint16_t>(out)); });
  }

  void store() {
    auto geometry = c_.cache_geometry(kv::dtype::bf16);
    auto page_bytes = geometry.slice_bytes();
    auto memory = on_.device().allocate(kv::chunks_for(rows_) * page_bytes);
    std::vector<std::byte*> pages;
    for (std::uint32_t i = 0; i < kv::chunks_for(rows_); ++i) pages.push_back(memory.data.get() + i * page_bytes);
    gpu::cuda::sequence_view view{.rows = rows_};
    std::vector<std::uint32_t> sequence_of_row(rows_, 0);
    auto on_device_pages = on_.upload(std::span<std::byte* const>{pages});
    auto on_device_view = on_.upload(std::span<const gpu::cuda::sequence_view>{&view, 1});
    auto on_device_rows = on_.upload(std::span<const std::uint32_t>{sequence_of_row});
    auto qkv = on_.random(std::size_t{2} * rows_ * (c_.heads + 2 * c_.kv_heads) * c_.head_dim);
    gpu::cuda::batch_view batch{as<const gpu::cuda::sequence_view>(on_device_view), 1,
                                as<const std::uint32_t>(on_device_rows), rows_, as<std::byte* const>(on_device_pages)};
    gpu::cuda::attention_shape shape{.heads = c_.heads,
                                     .kv_heads = c_.kv_heads,
                                     .head_dim = c_.head_dim,
                                     .keys_offset = 0,
                                     .values_offset = geometry.values_offset_bytes()};
    add("store", 8.0 * rows_ * c_.kv_heads * c_.head_dim,
        [&] { kernels_.store(on_.stream(), batch, shape, nullptr, as<std::uint16_t>(qkv), nullptr); });
  }

  void checksum(std::size_t bytes) {
    constexpr std::size_t piece_bytes = 4096;
    auto slice_bytes = std::min(c_.cache_geometry(kv::dtype::bf16).slice_bytes(), bytes);
    auto memory = on_.random(bytes / slice_bytes * slice_bytes);
    auto pieces = static_cast<std::uint32_t>(slice_bytes / piece_bytes);
    std::vector<gpu::cuda::checksum_view> views;
    for (std::size_t at = 0; at < memory.size_bytes; at += slice_bytes)
      views.push_back({memory.data.get() + at, pieces, static_cast<std::uint32_t>(views.size()) * pieces});
    auto sums = on_.device().allocate(sizeof(std::uint64_t) * views.size() * pieces);
    add("checksum", static_cast<double>(memory.size_bytes), [&] {
      kernels_.checksum(on_.stream(), views.data(), static_cast<std::uint32_t>(views.size()), as<std::uint64_t>(sums));
    });
  }

  /// Of a tail of 44 tokens: one launch for each slice, as the copy engine has it.
  void pack(bool back) {
    constexpr std::uint32_t tokens = 44;
    auto geometry = c_.cache_geometry(kv::dtype::bf16);
    auto page = on_.random(geometry.chunk_bytes()), packed = on_.random(geometry.packed_bytes(tokens));
    auto heads = 2 * geometry.kv_heads;
    auto head_bytes = static_cast<std::uint32_t>(geometry.head_bytes()),
         used_bytes = static_cast<std::uint32_t>(tokens * geometry.token_bytes());
    add(back ? "unpack" : "pack", 2.0 * geometry.layers * heads * used_bytes, [&] {
      for (std::uint32_t layer = 0; layer < geometry.layers; ++layer) {
        auto* slice = page.data.get() + geometry.slice(layer).offset_bytes;
        auto place = geometry.packed(layer, tokens);
        auto* to = packed.data.get() + place.offset_bytes;
        if (back)
          kernels_.unpack(on_.stream(), to, heads, head_bytes, used_bytes, slice);
        else
          kernels_.pack(on_.stream(), slice, heads, head_bytes, used_bytes, place.bytes, to);
      }
    });
  }

  void candidates() {
    constexpr auto count = gpu::cuda::candidates_max;
    auto logits = on_.random(std::size_t{4} * sampled_rows * c_.vocabulary);
    std::vector<float> ones(sampled_rows, 1);
    auto inverse_temperatures = on_.upload(std::span<const float>{ones});
    auto out = on_.device().allocate(sizeof(gpu::cuda::candidate) * sampled_rows * count),
         summaries = on_.device().allocate(sizeof(gpu::cuda::logits_summary) * sampled_rows);
    add("candidates", 4.0 * sampled_rows * c_.vocabulary, [&] {
      kernels_.candidates(on_.stream(), as<float>(logits), c_.vocabulary, sampled_rows, count,
                          as<float>(inverse_temperatures), as<gpu::cuda::candidate>(out),
                          as<gpu::cuda::logits_summary>(summaries));
    });
  }

  void argmax() {
    constexpr auto rows = sampled_rows;
    auto logits = on_.random(std::size_t{4} * rows * c_.vocabulary);
    auto tokens = on_.device().allocate(4 * rows), broken = on_.device().allocate(4 * rows);
    add("argmax", 4.0 * rows * c_.vocabulary, [&] {
      kernels_.argmax(on_.stream(), as<float>(logits), c_.vocabulary, rows, as<std::uint32_t>(tokens),
                      as<std::uint32_t>(broken));
    });
  }

 private:
  void add(const std::string& name, double bytes, const std::function<void()>& enqueue) {
    auto s = on_.seconds(enqueue);
    to_.add({.key = fmt::format("kernel.{}.gb_per_s", name),
             .name = name,
             .value = bytes / s * 1e-9,
             .unit = "GB/s",
             .beside = fmt::format("{:.1f} us for {:.1f} MB, {:.0f} % of copying", s * 1e6, bytes * 1e-6,
                                   100 * bytes / s / limits_.copy_bytes_per_s)});
  }

  workbench& on_;
  const model::config& c_;
  std::uint32_t rows_;
  const machine_limits& limits_;
  report& to_;
  const gpu::cuda::kernel_table& kernels_;
};

}  // namespace

void measure_small_kernels(workbench& on, const model::config& shape, const gpu_bench_sizes& sizes,
                           const machine_limits& limits, report& to) {
  to.section(fmt::format("The other kernels alone, on {} rows; bytes that must move, once each", sizes.rows));
  small_kernels kernels{on, shape, sizes.rows, limits, to};
  kernels.embed();
  kernels.rms_norm();
  kernels.store();
  kernels.silu_mul();
  kernels.argmax();
  kernels.candidates();
  kernels.checksum(sizes.copy_bytes);
  kernels.pack(false);
  kernels.pack(true);
}

}  // namespace chromatin::bench

// `bench gpu` over the emulated device: all of it runs, and says what it measured. Its times mean nothing there.

#include "bench/gpu/gpu_bench.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gpu/cuda/emulated/runtime.hpp"

namespace chromatin::test {
namespace {

bench::gpu_bench_options tiny() {
  return {.shape = "llama3-tiny",
          .sizes = {.prefills = {16, 66},
                    .decode_context = 20,
                    .decode_tokens = 2,
                    .decode_batches = {1, 2},
                    .history = 66,
                    .turn_history = 70,
                    .turn_new = 5,
                    .long_history = 100,
                    .attention_prefills = {66},
                    .attention_decodes = {66},
                    .product_rows = {3},
                    .rows = 5,
                    .product = 16,
                    .copy_bytes = 1 << 16},
          .repeats = 1,
          .only = {}};
}

TEST(BenchGpu, EveryPartGivesItsFigures) {
  bench::report to{{}, {}};
  bench::bench_gpu(gpu::cuda::make_emulated_device(), tiny(), to);
  auto figures = to.json().at("figures");
  for (auto key : {"copy_gb_per_s",
                   "to_device_gb_per_s",
                   "to_host_gb_per_s",
                   "product_tflop_per_s",
                   "copies.1024.in_gb_per_s",
                   "copies.16384.out_gb_per_s",
                   "attention_prefill.66.tflop_per_s",
                   "attention_prefill.66.rotation_percent",
                   "attention_turn.us",
                   "attention_decode.66.gb_per_s",
                   "kernel.embed.gb_per_s",
                   "kernel.rms_norm.gb_per_s",
                   "kernel.store.gb_per_s",
                   "kernel.silu_mul.gb_per_s",
                   "kernel.argmax.gb_per_s",
                   "kernel.candidates.gb_per_s",
                   "kernel.checksum.gb_per_s",
                   "kernel.pack.gb_per_s",
                   "kernel.unpack.gb_per_s",
                   "prefill.16.ms",
                   "prefill.66.percent_of_peak",
                   "decode.1.percent_of_bandwidth",
                   "decode.2.ms",
                   "load.percent_of_link",
                   "first_token.overlap",
                   "first_token.percent_below",
                   "first_token_long.throughput",
                   "saving.prefill_percent",
                   "saving.copying_percent",
                   "saving.decode_percent.1",
                   "saving.decode_percent.8"})
    EXPECT_TRUE(figures.contains(key)) << key;
}

TEST(BenchGpu, WhatIsLoadedGivesTheTokenThatWhatStayedGives) {
  auto options = tiny();
  options.only = {"first-token", "long"};
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    bench::report to{{}, {}};
    bench::bench_gpu(gpu::cuda::make_emulated_device({.seed = seed}), options, to);
    for (auto key : {"first_token.by_layer_ms", "first_token_long.by_layer_ms"})
      EXPECT_EQ(to.json().at("figures").at(key).at("beside"), "same token as from the device") << seed;
  }
}

}  // namespace
}  // namespace chromatin::test

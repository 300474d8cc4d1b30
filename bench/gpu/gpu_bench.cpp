#include "bench/gpu/gpu_bench.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "bench/gpu/parts.hpp"
#include "bench/measure.hpp"
#include "model/random_checkpoint.hpp"

namespace chromatin::bench {
namespace {

/// Everything that is in the device at once, and a little.
std::uint32_t device_pages_wanted(const gpu_bench_options& o) {
  const auto& s = o.sizes;
  auto batch = *std::max_element(s.decode_batches.begin(), s.decode_batches.end());
  auto decode = o.wants("decode") ? batch * kv::chunks_for(s.decode_context + s.decode_tokens) : 0;
  auto returned = 2 * kv::chunks_for((o.wants("long") ? s.long_history : s.turn_history) + s.turn_new);
  auto saving = o.wants("saving") ? 8 * kv::chunks_for(s.decode_context + s.decode_tokens) : 0;
  auto prefill = *std::max_element(s.prefills.begin(), s.prefills.end());
  return std::max({decode, returned, saving, kv::chunks_for(prefill), kv::chunks_for(s.history)}) + 1;
}

std::uint32_t host_pages_wanted(const gpu_bench_options& o) {
  const auto& s = o.sizes;
  if (o.wants("long")) return std::max(kv::chunks_for(s.long_history), 8u);
  if (o.wants("load") || o.wants("first-token") || o.wants("saving"))
    return std::max({kv::chunks_for(s.history), kv::chunks_for(s.turn_history), 8u});
  return 0;
}

std::uint32_t context_of(const gpu_bench_sizes& s) {
  auto longest = std::max({s.long_history + s.turn_new + 1, s.decode_context + s.decode_tokens,
                           *std::max_element(s.prefills.begin(), s.prefills.end()) + 1});
  for (auto keys : s.attention_decodes) longest = std::max(longest, keys);
  return longest;
}

}  // namespace

const std::vector<std::string>& gpu_bench_parts() {
  static const std::vector<std::string> parts{"copies", "attention", "kernels", "products",    "prefill",
                                              "decode", "load",      "saving",  "first-token", "long"};
  return parts;
}

bool gpu_bench_options::wants(const std::string& part) const {
  return only.empty() || std::find(only.begin(), only.end(), part) != only.end();
}

void bench_gpu(const std::shared_ptr<gpu::cuda::runtime>& device, const gpu_bench_options& o, report& to) {
  const auto& sizes = o.sizes;
  const auto& properties = device->properties();
  to.fact("device", fmt::format("{}, driver {}, {} multiprocessors, {:.1f} GiB", properties.name, properties.driver,
                                properties.multiprocessors,
                                static_cast<double>(properties.memory_bytes) / (std::size_t{1} << 30)));
  auto checkpoint = model::random_checkpoint(o.shape, 1, context_of(sizes));
  workbench on{device, o.repeats};
  auto limits = measure_limits(on, sizes, to);
  if (o.wants("copies")) measure_copies(on, sizes, to);
  if (o.wants("attention")) measure_attention(on, checkpoint->config, sizes, limits, to);
  if (o.wants("kernels")) measure_small_kernels(on, checkpoint->config, sizes, limits, to);
  if (o.wants("products")) measure_products(on, checkpoint->config, sizes, limits, to);
  auto step_tokens = *std::max_element(sizes.prefills.begin(), sizes.prefills.end());
  to.section("The model");
  std::unique_ptr<model_rig> rig;
  auto seconds = seconds_of([&] {
    rig = std::make_unique<model_rig>(device, checkpoint,
                                      model_rig::options{.step_tokens_max = step_tokens,
                                                         .device_pages_wanted = device_pages_wanted(o),
                                                         .host_pages = host_pages_wanted(o),
                                                         .repeats = o.repeats});
  });
  to.fact("model", fmt::format("  {}: {}; ready in {:.1f} s", o.shape, rig->backend().description(), seconds));
  if (o.wants("prefill")) measure_prefill(*rig, sizes, limits, to);
  if (o.wants("decode")) measure_decode(*rig, sizes, limits, to);
  if (o.wants("load")) measure_load(*rig, sizes, limits, to);
  if (o.wants("saving")) measure_saving(*rig, sizes, to);
  if (o.wants("first-token")) measure_first_token(*rig, sizes, false, limits, to);
  if (o.wants("long")) measure_first_token(*rig, sizes, true, limits, to);
  to.write();
}

}  // namespace chromatin::bench

#pragma once

/// The parts of `bench gpu`, each in the file of its name; all add to a report.

#include "bench/gpu/chip.hpp"
#include "bench/gpu/gpu_bench.hpp"
#include "bench/gpu/model_rig.hpp"
#include "bench/gpu/workbench.hpp"

namespace chromatin::bench {

/// What the machine does at best.
machine_limits measure_limits(workbench& on, const gpu_bench_sizes& sizes, report& to);
/// Slices between the host and the device, as the copy engine moves them and one by one.
void measure_copies(workbench& on, const gpu_bench_sizes& sizes, report& to);
/// The attention kernels alone, and what rotating keys adds to them and, for prefill, to the store before them.
void measure_attention(workbench& on, const model::config& shape, const gpu_bench_sizes& sizes,
                       const machine_limits& limits, report& to);
/// The model's matrix products alone.
void measure_products(workbench& on, const model::config& shape, const gpu_bench_sizes& sizes,
                      const machine_limits& limits, report& to);
/// The kernels that only move bytes.
void measure_small_kernels(workbench& on, const model::config& shape, const gpu_bench_sizes& sizes,
                           const machine_limits& limits, report& to);
void measure_prefill(model_rig& rig, const gpu_bench_sizes& sizes, const machine_limits& limits, report& to);
void measure_decode(model_rig& rig, const gpu_bench_sizes& sizes, const machine_limits& limits, report& to);
/// Layer by layer, without compute.
void measure_load(model_rig& rig, const gpu_bench_sizes& sizes, const machine_limits& limits, report& to);
/// Of a conversation that comes back: short, and `long_one`.
void measure_first_token(model_rig& rig, const gpu_bench_sizes& sizes, bool long_one, const machine_limits& limits,
                         report& to);
/// What saving behind compute costs compute.
void measure_saving(model_rig& rig, const gpu_bench_sizes& sizes, report& to);

}  // namespace chromatin::bench

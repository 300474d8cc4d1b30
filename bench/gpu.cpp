/// chromatin bench gpu: how far the CUDA executor is from what the machine can do (bench/gpu/).

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bench/commands.hpp"
#include "bench/gpu/gpu_bench.hpp"

namespace chromatin::bench {
namespace {

constexpr int quick_repeats = 2;

struct gpu_flags {
  gpu_bench_options options;
  std::uint32_t device = 0;
  bool quick = false;
  std::string json, torch;
};

void run(gpu_flags f) {
  if (f.quick) f.options.repeats = quick_repeats;
  report to{f.json, f.torch};
  bench_gpu(gpu::cuda::open_device({.number = f.device, .algorithms = {}}), f.options, to);
}

}  // namespace

void add_gpu(CLI::App& bench) {
  auto* command = bench.add_subcommand("gpu", "How far the CUDA executor is from what the machine can do");
  auto f = std::make_shared<gpu_flags>();
  command->add_option("--shape", f->options.shape, "of the model, whose weights are random, see make-checkpoint")
      ->capture_default_str();
  command->add_option("--device", f->device, "number of the device")->capture_default_str();
  command->add_option("--only", f->options.only, fmt::format("one or more of {}", fmt::join(gpu_bench_parts(), ", ")))
      ->check(CLI::IsMember(gpu_bench_parts()));
  command->add_option("--repeats", f->options.repeats, "of each measurement")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_flag("--quick", f->quick, fmt::format("repeats each measurement {} times only", quick_repeats));
  command->add_option("--torch", f->torch, "what bench/peers/gpu_torch.py wrote on the same machine: printed beside");
  command->add_option("--json", f->json, "write the figures to this file");
  command->callback([f] { run(*f); });
}

}  // namespace chromatin::bench

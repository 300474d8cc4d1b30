#include "actors/open_backend.hpp"

#include <algorithm>
#include <new>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "gpu/cpu/cpu_backend.hpp"
#include "gpu/cuda/cuda_backend.hpp"
#include "io/store_folder.hpp"
#include "model/gguf/contents.hpp"
#include "model/model_source.hpp"

namespace chromatin {
namespace {

/// Of a device's memory, for what a step needs and for whoever else uses the device: this share, and at least so much.
constexpr std::uint64_t device_reserve_part = 16, device_reserve_min_bytes = std::uint64_t{1} << 30;

double gib(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

/// What only the processor does, as users asked for it; empty: nothing.
std::string asks_for_processor(const system_options& options) {
  if (options.compute == compute_type::f32) return "--compute f32";
  if (options.weights == model::weight_kind::int8) return "--weights int8";
  if (options.weights == model::weight_kind::q4) return "--weights q4";
  return {};
}

kv::dtype on_processor(compute_type wanted) {
  if (wanted == compute_type::automatic) return gpu::best_compute_type();
  return wanted == compute_type::f32 ? kv::dtype::f32 : kv::dtype::bf16;
}

std::shared_ptr<gpu::cuda::runtime> open(const system_options& options) {
  if (options.open_device) return options.open_device();
  gpu::cuda::device_options how;
  if (!options.disk.empty()) {
    io::make_private_folder(options.disk);
    how.algorithms = options.disk / io::device_algorithms_file;
  }
  return gpu::cuda::open_device(how);
}

/// Null where the processor computes instead.
std::shared_ptr<gpu::cuda::runtime> find_device(const system_options& options, std::vector<std::string>& notices,
                                                const std::vector<std::string>& traits) {
  auto only_processor = asks_for_processor(options);
  auto only_there = fmt::format("the CUDA backend does not compute what the model has: {}", fmt::join(traits, ", "));
  if (options.backend == backend_choice::cuda) {
    if (!traits.empty()) throw std::runtime_error(fmt::format("{}; --backend cpu does", only_there));
    if (!only_processor.empty())
      throw std::runtime_error(fmt::format(
          "{} is of the processor; the CUDA backend computes in bf16: leave it out, or --backend cpu", only_processor));
    return open(options);
  }
  if (options.backend == backend_choice::cpu) return nullptr;
  if (!options.open_device && !gpu::cuda::device_kernels()) return nullptr;  // built without nvcc: nothing to tell
  if (!only_processor.empty()) {
    notices.push_back(fmt::format("{}: the processor computes, whether there is a device or not", only_processor));
    return nullptr;
  }
  if (!traits.empty()) {
    notices.push_back(fmt::format("{}: the processor computes", only_there));
    return nullptr;
  }
  try {
    return open(options);
  } catch (const std::runtime_error& e) {
    notices.push_back(fmt::format("{}: the processor computes", e.what()));
    return nullptr;
  }
}

std::uint64_t weights_of(const model::config& model) {
  std::uint64_t elements = 0;
  for (const auto& t : model::expected_tensors(model)) {
    std::uint64_t product = 1;
    for (auto dimension : t.shape) product *= dimension;
    elements += product;
  }
  return elements;
}

/// Of a group of 32 weights of four bits, with its scale and minimum.
constexpr std::uint64_t q4_group = 32, q4_group_bytes = 20;

}  // namespace

std::uint64_t weights_on_device(const model::config& model) { return 2 * weights_of(model); }

std::uint64_t weights_on_processor(const system_options& options, kv::dtype type, const model::config& model) {
  if (options.weights == model::weight_kind::int8) return weights_of(model);
  if (options.weights == model::weight_kind::q4) return weights_of(model) / q4_group * q4_group_bytes;
  const auto source = model::find_model(options.model);
  if (!source.is_gguf()) return weights_of(model) * (type == kv::dtype::f32 ? 4 : 2);
  std::uint64_t bytes = 0;
  for (const auto& file : model::gguf::paths_of(source.path)) bytes += std::filesystem::file_size(file);
  return bytes;
}

compute_place choose_place(const system_options& options, std::vector<std::string>& notices,
                           const std::vector<std::string>& traits) {
  compute_place place{.device = find_device(options, notices, traits)};
  if (!place.device)
    place.type = on_processor(options.compute);
  else if (options.threads > 0)
    notices.emplace_back("--threads is of the processor; the device computes, and it means nothing");
  return place;
}

std::uint64_t device_bytes(const compute_place& place, const model::config& model, const system_options& options,
                           std::vector<std::string>& notices) {
  if (!place.device || !options.device_bytes_fit) return options.device_bytes;
  auto free = place.device->free_bytes(), weights = weights_on_device(model);
  auto reserve = std::max(device_reserve_min_bytes, place.device->properties().memory_bytes / device_reserve_part);
  auto chunk_bytes = model.cache_geometry(place.type).chunk_bytes();
  if (free < weights + reserve + chunk_bytes)
    throw std::runtime_error(fmt::format(
        "{}: {:.1f} GiB are free, which {:.1f} of weights and {:.1f} of reserve take: no room for the cache; "
        "--device-mem SIZE takes a size without a reserve, --backend cpu needs none",
        place.device->properties().name, gib(free), gib(weights), gib(reserve)));
  auto bytes = (free - weights - reserve) / chunk_bytes * chunk_bytes;
  notices.push_back(fmt::format(
      "--device-mem: {:.1f} GiB, which is what {:.1f} GiB of free memory leave beside {:.1f} of weights and "
      "{:.1f} of reserve",
      gib(bytes), gib(free), gib(weights), gib(reserve)));
  return bytes;
}

std::shared_ptr<gpu::backend> open_backend(const compute_place& place,
                                           const std::shared_ptr<const model::checkpoint>& checkpoint,
                                           const system_options& options) {
  if (!place.device)
    return gpu::make_cpu_backend(checkpoint, {.compute = place.type,
                                              .weights = options.weights,
                                              .deterministic = options.deterministic,
                                              .threads = options.threads,
                                              .step_tokens_max = options.step_tokens_max,
                                              .verify = options.verify,
                                              .packing_failed = options.on_fatal,
                                              .before_packing = options.before_packing});
  try {
    return gpu::make_cuda_backend(
        checkpoint, place.device,
        {.step_tokens_max = options.step_tokens_max, .verify = options.verify, .deterministic = options.deterministic});
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(fmt::format("{}: no room for {:.1f} GiB of weights; --backend cpu computes without it",
                                         place.device->properties().name, gib(weights_on_device(checkpoint->config))));
  }
}

kv::memory_block host_memory(const compute_place& place, std::size_t bytes) {
  if (!place.device) return kv::plain_memory(bytes);
  auto memory = std::make_shared<kv::memory_block>(place.device->pinned(bytes));
  auto* data = memory->data.get();
  // The device lives as long as its memory.
  return {{data, [memory, device = place.device](std::byte*) mutable { memory.reset(); }}, bytes};
}

}  // namespace chromatin

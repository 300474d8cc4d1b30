#include "actors/model_memory.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "actors/memory_plan.hpp"

namespace chromatin {
namespace {

/// Turns of a batch at most where nobody said so. A processor's kernel for few rows takes 24 of them at once; with many
/// cores more rows cost less than the weights that they share. A device waits for its memory far longer.
constexpr std::uint32_t batch_of_processor = 16, batch_of_many_cores = 64, batch_of_device = 64;

std::uint32_t batch_max(const compute_place& place, const system_options& options) {
  auto threads = options.threads > 0 ? options.threads : std::thread::hardware_concurrency();
  auto most = place.device ? batch_of_device : std::clamp(threads, batch_of_processor, batch_of_many_cores);
  return std::min(most, options.step_tokens_max);
}

}  // namespace

std::uint32_t pages_in(std::uint64_t bytes, std::size_t page_bytes, const char* option) {
  if (bytes < page_bytes)
    throw std::runtime_error(fmt::format("{} {} has no room for one chunk of {} bytes", option, bytes, page_bytes));
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes / page_bytes, ~std::uint32_t{0}));
}

model_memory fit_memory(const compute_place& place, const model::config& shape, system_options& options,
                        std::vector<std::string>& notices) {
  model_memory fit{.type = place.type, .chunk_bytes = shape.cache_geometry(place.type).chunk_bytes()};
  if (place.device) fit.device = place.device->properties().name;
  fit.weight_bytes = place.device ? weights_on_device(shape) : weights_on_processor(options, place.type, shape);
  fit.window_bytes = kv::chunks_for(shape.context) * fit.chunk_bytes;
  memory_needs needs{.weight_bytes = fit.weight_bytes,
                     .chunk_bytes = fit.chunk_bytes,
                     .window_bytes = fit.window_bytes,
                     .device = fit.device,
                     .batch_max = batch_max(place, options)};
  if (place.device || !options.device_bytes_fit) needs.device_bytes = device_bytes(place, shape, options, notices);
  if (!options.host_bytes_fit) needs.host_bytes = options.host_bytes;
  if (!options.batch_fits) needs.batch = options.batch_max;
  auto plan = plan_memory(machine_memory(), needs);
  options.device_bytes = plan.device_bytes;
  options.host_bytes = plan.host_bytes;
  options.batch_max = plan.batch;
  if (options.device_bytes_fit || options.host_bytes_fit || options.batch_fits)
    notices.push_back(std::move(plan.notice));
  auto tokens = std::uint64_t{pages_in(options.device_bytes, fit.chunk_bytes, "--device-mem")} * kv::tokens_per_chunk;
  fit.context = static_cast<std::uint32_t>(std::min<std::uint64_t>(tokens, shape.context));
  if (fit.context < shape.context)
    notices.push_back(fmt::format(
        "--device-mem {} holds {} tokens: the context of {} is shortened to that; --device-mem {} holds all of it",
        options.device_bytes, fit.context, shape.context, fit.window_bytes));
  return fit;
}

}  // namespace chromatin

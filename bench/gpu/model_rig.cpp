#include "bench/gpu/model_rig.hpp"

#include <algorithm>
#include <future>
#include <stdexcept>

#include <fmt/format.h>

#include "gpu/cuda/cuda_backend.hpp"

namespace chromatin::bench {
namespace {

constexpr std::size_t plain_bytes = std::size_t{32} << 20;   ///< of one copy of copy_out
constexpr std::size_t reserve_bytes = std::size_t{2} << 30;  ///< of the device, beside weights and pages

std::uint32_t pages_that_fit(const gpu::cuda::runtime& device, const kv::geometry& shape, std::uint32_t wanted) {
  auto free = device.free_bytes();
  auto room = free > 2 * reserve_bytes ? free - reserve_bytes : free / 2;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(room / shape.chunk_bytes(), 1, wanted));
}

}  // namespace

std::function<void(bool)> moves::open() {
  std::lock_guard lock{state_->mutex};
  ++state_->open;
  return [state = state_](bool passed) {
    std::lock_guard end{state->mutex};
    --state->open;
    if (!passed) state->failed = true;
    state->over.notify_all();
  };
}

void moves::wait() {
  std::unique_lock lock{state_->mutex};
  state_->over.wait(lock, [&] { return state_->open == 0; });
  if (state_->failed) throw std::runtime_error("a copy failed, or what it brought was not what its checksum says");
}

model_rig::model_rig(std::shared_ptr<gpu::cuda::runtime> device, std::shared_ptr<const model::checkpoint> checkpoint,
                     const options& how)
    : device_{std::move(device)},
      checkpoint_{std::move(checkpoint)},
      backend_{gpu::make_cuda_backend(checkpoint_, device_, {.step_tokens_max = how.step_tokens_max})},
      device_arena_{backend_->make_arena(pages_that_fit(*device_, geometry(), how.device_pages_wanted))},
      repeats_{how.repeats},
      step_tokens_max_{how.step_tokens_max},
      token_cache_bytes_{2 * geometry().layers * geometry().kv_heads * geometry().token_bytes()} {
  auto chunk_bytes = geometry().chunk_bytes();
  if (how.host_pages > 0)
    host_arena_ = kv::page_arena::make(device_->pinned(how.host_pages * chunk_bytes), chunk_bytes);
}

model_rig::~model_rig() {
  if (plain_.queue) device_->destroy(plain_.queue);
}

std::uint64_t model_rig::matrix_bytes() const {
  const auto& c = config();
  auto q = std::uint64_t{c.heads} * c.head_dim, kv = std::uint64_t{c.kv_heads} * c.head_dim;
  auto layer = c.hidden * (q + 2 * kv) + q * c.hidden + std::uint64_t{3} * c.hidden * c.ffn;
  return 2 * (c.layers * layer + std::uint64_t{c.vocabulary} * c.hidden);
}

double model_rig::operations(std::uint32_t tokens, std::uint32_t position) const {
  const auto& c = config();
  auto head = 2.0 * c.vocabulary * c.hidden;
  auto layers = static_cast<double>(matrix_bytes()) - head;  // two bytes, and two operations, of a weight
  auto pairs = static_cast<double>(tokens) * position + 0.5 * tokens * (tokens + 1.0);
  return layers * tokens + head + 4.0 * c.layers * c.heads * c.head_dim * pairs;
}

kv::block_table model_rig::pages(std::uint32_t tokens) {
  auto pages = device_arena_->try_allocate(kv::chunks_for(tokens));
  if (pages.empty())
    throw std::runtime_error(
        fmt::format("{} tokens do not fit into the {} pages that the device has left", tokens, free_device_pages()));
  return std::make_shared<const std::vector<kv::page_ref>>(std::move(pages));
}

gpu::sequence_step model_rig::part(const kv::block_table& pages, std::uint32_t position, std::uint32_t count) const {
  std::vector<kv::token_id> tokens(count);
  for (std::uint32_t i = 0; i < count; ++i) tokens[i] = (position + i) * 7919 % config().vocabulary;
  return {.tokens = std::move(tokens),
          .position = position,
          .pages = pages,
          .sampler = std::make_shared<model::sampler>(model::sampling{})};
}

std::vector<gpu::sequence_result> model_rig::run(gpu::step_batch batch, const load_of_layer& loads,
                                                 const layer_hook& written) {
  auto ended = std::make_shared<std::promise<gpu::step_output>>();
  backend_->begin(std::move(batch));
  for (std::uint32_t layer = 0; layer < geometry().layers; ++layer) {
    std::vector<gpu::fence> after;
    if (loads) after.push_back(loads(layer));
    auto fence = backend_->run_layer(layer, after);
    if (written) written(layer, fence);
  }
  backend_->finish([ended](gpu::step_output output) { ended->set_value(std::move(output)); });
  auto output = ended->get_future().get();
  if (!output.error.empty()) throw std::runtime_error(output.error);
  for (const auto& s : output.sequences)
    if (!s.error.empty()) throw std::runtime_error(s.error);
  return std::move(output.sequences);
}

std::vector<gpu::sequence_result> model_rig::prefill(const kv::block_table& pages, std::uint32_t from,
                                                     std::uint32_t to) {
  std::vector<gpu::sequence_result> last;
  while (from < to) {
    auto count = std::min(step_tokens_max_, to - from);
    last = run({.sequences = {part(pages, from, count)}, .ends = {}});
    from += count;
  }
  return last;
}

std::shared_ptr<kept_chunks> model_rig::room(std::uint32_t tokens) {
  auto kept = std::make_shared<kept_chunks>();
  kept->tokens = tokens;
  if (host_arena_) kept->pages = host_arena_->try_allocate(kv::chunks_for(tokens));
  if (kept->pages.empty())
    throw std::runtime_error(
        fmt::format("{} tokens do not fit into the {} pages that the host has left", tokens, free_host_pages()));
  kept->checksums.resize(geometry().layers);
  return kept;
}

std::vector<gpu::slice_copy> model_rig::slices(const kv::block_table& device, const kept_chunks& host,
                                               std::uint32_t layer) const {
  std::vector<gpu::slice_copy> all;
  for (std::uint32_t i = 0; i < host.pages.size(); ++i)
    all.push_back({.device = device->at(i),
                   .layer = layer,
                   .tokens = std::min(kv::tokens_per_chunk, host.tokens - i * kv::tokens_per_chunk),
                   .host = host.pages[i],
                   .checksum = {}});
  return all;
}

void model_rig::save_layer(const kv::block_table& from, const std::shared_ptr<kept_chunks>& to, std::uint32_t layer,
                           const gpu::fence& after, moves& under_way) {
  backend_->copies().out(slices(from, *to, layer), after, [to, layer, end = under_way.open()](gpu::copy_result result) {
    to->checksums[layer] = std::move(result.checksums);
    end(result.error == gpu::copy_error::none);
  });
}

void model_rig::load(const kept_chunks& from, const kv::block_table& to, moves& under_way, const layer_hook& coming) {
  for (std::uint32_t layer = 0; layer < geometry().layers; ++layer) {
    auto copies = slices(to, from, layer);
    for (std::size_t i = 0; i < copies.size(); ++i) copies[i].checksum = from.checksums[layer].at(i);
    auto fence = backend_->copies().in(std::move(copies), [end = under_way.open()](const gpu::copy_result& r) {
      end(r.error == gpu::copy_error::none);
    });
    fence.then(under_way.open());
    if (coming) coming(layer, fence);
  }
}

void model_rig::copy_out(std::size_t bytes, moves& under_way) {
  if (!plain_.queue) plain_ = {device_->make_stream(), device_->allocate(plain_bytes), device_->pinned(plain_bytes)};
  for (std::size_t done = 0; done < bytes; done += plain_bytes)
    device_->copy(plain_.queue, plain_.to.data.get(), plain_.from.data.get(), std::min(plain_bytes, bytes - done));
  device_->then(plain_.queue, under_way.open());
}

void model_rig::copy(const kv::block_table& from, const kv::block_table& to, std::uint32_t tokens) {
  moves under_way;
  for (std::uint32_t i = 0; i < kv::chunks_for(tokens); ++i)
    backend_->copies().copy(from->at(i), to->at(i), kv::tokens_per_chunk, {}).then(under_way.open());
  under_way.wait();
}

}  // namespace chromatin::bench

#include "bench/engine.hpp"

#include <algorithm>
#include <numeric>

#include "bench/measure.hpp"

namespace chromatin::bench {

engine::engine(std::shared_ptr<const model::checkpoint> checkpoint, gpu::cpu_options options, std::uint32_t sequences,
               std::uint32_t tokens_max)
    : vocabulary_{checkpoint->config.vocabulary},
      step_tokens_max_{options.step_tokens_max},
      backend_{gpu::make_cpu_backend(checkpoint, options)} {
  auto chunks = kv::chunks_for(tokens_max);
  auto chunk_bytes = backend_->geometry().chunk_bytes();
  arena_ = kv::page_arena::make(kv::plain_memory(std::size_t{sequences} * chunks * chunk_bytes), chunk_bytes);
  tables_.resize(sequences);
  pages_used_.resize(sequences);
  for (auto& table : tables_)
    for (std::uint32_t i = 0; i < chunks; ++i) {
      pages_.push_back(arena_->try_allocate());
      table.push_back(pages_.back().writable().data());
    }
}

void engine::step(std::uint32_t position, std::uint32_t count, std::uint32_t sequences, bool wants_logits) {
  std::vector<kv::token_id> tokens(count);
  for (std::uint32_t i = 0; i < count; ++i) tokens[i] = (position + i) * 7919 % vocabulary_;
  std::vector<gpu::sequence_step> batch;
  for (std::uint32_t s = 0; s < sequences; ++s) {
    batch.push_back({tokens, position, tables_[s], wants_logits});
    pages_used_[s] = std::max(pages_used_[s], kv::chunks_for(position + count));
  }
  backend_->begin(batch);
  for (std::uint32_t layer = 0; layer < backend_->geometry().layers; ++layer) backend_->run_layer(layer);
  backend_->finish();
}

std::uint64_t engine::used_page_bytes() const {
  return std::accumulate(pages_used_.begin(), pages_used_.end(), std::uint64_t{0}) * arena_->page_bytes();
}

double engine::prefill_s(std::uint32_t count, std::uint32_t depth) {
  for (; filled_ < depth; filled_ += std::min(step_tokens_max_, depth - filled_))
    step(filled_, std::min(step_tokens_max_, depth - filled_), 1, false);
  filled_ = depth;
  return seconds_of([&] {
    for (std::uint32_t done = 0; done < count; done += std::min(step_tokens_max_, count - done)) {
      auto part = std::min(step_tokens_max_, count - done);
      step(depth + done, part, 1, done + part == count);
    }
  });
}

double engine::decode_s(std::uint32_t count, std::uint32_t sequences, std::uint32_t depth) {
  filled_ = std::min(filled_, depth);
  return seconds_of([&] {
    for (std::uint32_t i = 0; i < count; ++i) step(depth + i, 1, sequences, true);
  });
}

}  // namespace chromatin::bench

#include "bench/engine.hpp"

#include <algorithm>
#include <numeric>

#include "bench/measure.hpp"
#include "gpu/run_step.hpp"

namespace chromatin::bench {

engine::engine(std::shared_ptr<const model::checkpoint> checkpoint, gpu::cpu_options options, std::uint32_t sequences,
               std::uint32_t tokens_max)
    : vocabulary_{checkpoint->config.vocabulary},
      step_tokens_max_{options.step_tokens_max},
      backend_{gpu::make_cpu_backend(checkpoint, options)} {
  auto chunks = kv::chunks_for(tokens_max);
  arena_ = backend_->make_arena(sequences * chunks);
  for (std::uint32_t s = 0; s < sequences; ++s) {
    std::vector<kv::page_ref> pages;
    for (std::uint32_t i = 0; i < chunks; ++i) pages.push_back(arena_->try_allocate());
    tables_.push_back(std::make_shared<const std::vector<kv::page_ref>>(std::move(pages)));
  }
  pages_used_.resize(sequences);
  step(0, 1, 1, 1);  // which waits for all weights
  pages_used_[0] = 0;
}

void engine::step(std::uint32_t position, std::uint32_t count, std::uint32_t sequences, std::uint32_t sampled) {
  std::vector<kv::token_id> tokens(count);
  for (std::uint32_t i = 0; i < count; ++i) tokens[i] = (position + i) * 7919 % vocabulary_;
  gpu::step_batch batch{.steps = std::max(sampled, 1u), .ends = {}};
  for (std::uint32_t s = 0; s < sequences; ++s) {
    batch.sequences.push_back({.tokens = tokens, .position = position, .pages = tables_[s]});
    if (sampled > 0) batch.sequences.back().sampler = std::make_shared<model::sampler>(model::sampling{});
    pages_used_[s] = std::max(pages_used_[s], kv::chunks_for(position + count + sampled));
  }
  gpu::run_step(*backend_, std::move(batch));
}

std::uint64_t engine::used_page_bytes() const {
  return std::accumulate(pages_used_.begin(), pages_used_.end(), std::uint64_t{0}) * arena_->page_bytes();
}

double engine::prefill_s(std::uint32_t count, std::uint32_t depth) {
  for (; filled_ < depth; filled_ += std::min(step_tokens_max_, depth - filled_))
    step(filled_, std::min(step_tokens_max_, depth - filled_), 1, 0);
  filled_ = depth;
  return seconds_of([&] {
    for (std::uint32_t done = 0; done < count; done += std::min(step_tokens_max_, count - done)) {
      auto part = std::min(step_tokens_max_, count - done);
      step(depth + done, part, 1, done + part == count ? 1 : 0);
    }
  });
}

double engine::decode_s(std::uint32_t count, std::uint32_t sequences, std::uint32_t depth) {
  filled_ = std::min(filled_, depth);
  return seconds_of([&] { step(depth, 1, sequences, count); });
}

}  // namespace chromatin::bench

#include "tests/support/toy_backend.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "kv/check.hpp"
#include "tests/support/toy_copies.hpp"

namespace chromatin::test {
namespace {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  return ((a ^ (b + 0x9e3779b97f4a7c15u)) * 0xff51afd7ed558ccdu) ^ (a >> 29);
}

/// Calls `visit(bytes)` for each of a token's slots in a layer: its key and value in every head.
template <class Visit>
void each_slot(const kv::geometry& g, const gpu::sequence_step& s, std::uint32_t layer, std::uint32_t position,
               Visit visit) {
  auto slice = kv::slice_of(s.pages->at(position / kv::tokens_per_chunk), g, layer);
  for (std::uint32_t piece = 0; piece < 2 * g.kv_heads; ++piece)
    visit(slice.subspan(piece * g.head_bytes() + position % kv::tokens_per_chunk * g.token_bytes(), g.token_bytes()));
}

/// Goes on from `hash` with what is in a token's slots.
std::uint64_t read_token(const kv::geometry& g, const gpu::sequence_step& s, std::uint32_t layer,
                         std::uint32_t position, std::uint64_t hash) {
  each_slot(g, s, layer, position, [&](std::span<const std::byte> bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += sizeof hash) {
      std::uint64_t word;
      std::memcpy(&word, bytes.data() + i, sizeof word);
      hash = mix(hash, word);
    }
  });
  return hash;
}

void write_token(const kv::geometry& g, const gpu::sequence_step& s, std::uint32_t layer, std::uint32_t position,
                 std::uint64_t value) {
  each_slot(g, s, layer, position, [&](std::span<std::byte> bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += sizeof value) {
      value = mix(value, i);
      std::memcpy(bytes.data() + i, &value, sizeof value);
    }
  });
}

std::uint64_t read_history(const kv::geometry& g, const gpu::sequence_step& s, std::uint32_t layer, std::uint32_t end) {
  std::uint64_t hash = 1;
  for (std::uint32_t position = 0; position < end; ++position) hash = read_token(g, s, layer, position, hash);
  return hash;
}

}  // namespace

toy_backend::toy_backend(const toy_options& options)
    : options_{options},
      geometry_{options.layers, 2, 8, kv::dtype::f32},
      random_{options.seed},
      copies_{std::make_unique<toy_copies>(geometry_, options.verify, faults)} {}

toy_backend::~toy_backend() = default;

std::shared_ptr<kv::page_arena> toy_backend::make_arena(std::uint32_t pages) {
  auto memory = kv::plain_memory(pages * geometry_.chunk_bytes());
  std::memset(memory.data.get(), 0x5a, memory.size_bytes);  // looks like nothing that a step writes
  return kv::page_arena::make(std::move(memory), geometry_.chunk_bytes());
}

bool toy_backend::operation::ready() const {
  for (const auto& f : after)
    if (!f.over()) return false;
  return true;
}

void toy_backend::begin(gpu::step_batch batch) {
  CHROMATIN_CHECK(!in_step_, "a step begins when the one before has ended");
  if (faults.begins_throw > 0) {
    --faults.begins_throw;
    throw std::runtime_error("toy: the device is gone");
  }
  in_step_ = true;
  error_.clear();
  step_ = gpu::step{std::move(batch)};
  tokens_ = 0;
  for (const auto& s : step_.sequences()) tokens_ += static_cast<std::int64_t>(s.tokens.size());
}

gpu::fence toy_backend::run_layer(std::uint32_t layer, std::span<const gpu::fence> after) {
  CHROMATIN_CHECK(in_step_, "layers belong to a step");
  auto source = std::make_shared<gpu::fence_source>();
  operation next{{after.begin(), after.end()}, {}};
  CHROMATIN_CHECK(options_.orders_loads || next.ready(), "this device does not wait for loads");
  next.run = [this, layer, source] {
    if (faults.layers_fail > 0) {
      --faults.layers_fail;
      error_ = "toy: a layer failed";
    }
    if (!error_.empty()) return source->fail();
    compute_layer(layer);
    source->pass();
  };
  queue_.push_back(std::move(next));
  return source->get();
}

void toy_backend::compute_layer(std::uint32_t layer) {
  for (std::size_t i = 0; i < step_.sequences().size(); ++i) {
    if (step_.is_dropped(i)) continue;
    const auto& s = step_.sequences()[i];
    auto hash = read_history(geometry_, s, layer, s.position);
    for (std::uint32_t t = 0; t < s.tokens.size(); ++t) {
      write_token(geometry_, s, layer, s.position + t, mix(hash, s.tokens[t] * 31u + layer));
      hash = read_token(geometry_, s, layer, s.position + t, hash);
    }
  }
}

void toy_backend::drop(std::uint32_t sequence) {
  CHROMATIN_CHECK(in_step_, "a sequence leaves a step that runs");
  queue_.push_back({{}, [this, sequence] { step_.drop(sequence); }});
}

void toy_backend::finish(std::function<void(gpu::step_output)> done) {
  CHROMATIN_CHECK(in_step_, "a step ends once");
  queue_.push_back({{}, [this, done = std::move(done)] {
                      while (error_.empty() && sample())
                        for (std::uint32_t layer = 0; layer < geometry_.layers; ++layer) compute_layer(layer);
                      in_step_ = false;
                      auto results = step_.take_results();
                      step_ = {};  // gives its pages back before anybody hears of the end
                      done({std::move(results), error_, options_.step_us + options_.token_us * tokens_});
                    }});
}

bool toy_backend::abandon(std::function<void()> ended) {
  if (!in_step_) return false;
  error_ = "toy: the step was abandoned";
  queue_.push_back({{}, [this, ended = std::move(ended)] {
                      step_ = {};
                      in_step_ = false;
                      ended();
                    }});
  return true;
}

bool toy_backend::sample() {
  return step_.sample([this](std::size_t sequence) { return logits_of(sequence); });
}

std::span<const float> toy_backend::logits_of(std::size_t sequence) {
  const auto& s = step_.sequences()[sequence];
  auto end = s.position + static_cast<std::uint32_t>(s.tokens.size());
  std::uint64_t sum = 0;
  for (std::uint32_t layer = 0; layer < geometry_.layers; ++layer)
    sum = mix(sum, read_history(geometry_, s, layer, end));
  logits_.assign(options_.vocabulary, 0);
  logits_[16 + sum % (options_.vocabulary - 16)] = 1;  // never a control token
  if (faults.logits_break > 0) {
    --faults.logits_break;
    logits_[sum % options_.vocabulary] = NAN;
  }
  return logits_;
}

gpu::copy_engine& toy_backend::copies() { return *copies_; }

bool toy_backend::busy() const { return !queue_.empty() || copies_->waiting() > 0; }

bool toy_backend::poll() {
  bool compute = !queue_.empty() && queue_.front().ready();
  auto copies = copies_->ready();
  auto choices = copies + (compute ? 1 : 0);
  if (choices == 0) return false;
  auto choice = std::uniform_int_distribution<std::size_t>{0, choices - 1}(random_);
  if (choice < copies) {
    copies_->end(choice);
    return true;
  }
  auto next = std::move(queue_.front());
  queue_.pop_front();
  next.run();
  return true;
}

}  // namespace chromatin::test

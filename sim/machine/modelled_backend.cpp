#include "sim/machine/modelled_backend.hpp"

#include <array>
#include <new>

#include <sys/mman.h>

#include "kv/check.hpp"

namespace chromatin::sim {
namespace {

double us_between(timeline::time_point from, timeline::time_point to) {
  return std::chrono::duration<double, std::micro>(to - from).count();
}

/// The smallest slice that is: what stands in it does not matter, what it stands for is known to model_of_time.
kv::geometry smallest_geometry(std::uint32_t layers) { return {layers, 1, 16, kv::dtype::bf16}; }

}  // namespace

std::shared_ptr<kv::page_arena> make_empty_arena(std::uint32_t pages, std::size_t page_bytes) {
  auto size = pages * page_bytes;
  auto* place = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) throw std::bad_alloc{};
  auto release = [size](std::byte* p) { ::munmap(p, size); };
  return kv::page_arena::make({{static_cast<std::byte*>(place), release}, size}, page_bytes);
}

modelled_backend::modelled_backend(const machine& m, const model_of_time& time, timeline& events)
    : machine_{m},
      time_{time},
      events_{events},
      geometry_{smallest_geometry(static_cast<std::uint32_t>(m.layers))},
      copies_{m, time, events} {
  CHROMATIN_CHECK(geometry_.slice_bytes() == kv::slice_alignment_bytes, "a slice is one block of a device");
}

std::shared_ptr<kv::page_arena> modelled_backend::make_arena(std::uint32_t pages) {
  return make_empty_arena(pages, geometry_.chunk_bytes());
}

void modelled_backend::begin(gpu::step_batch batch) {
  CHROMATIN_CHECK(!in_step_, "a step begins when the one before has ended");
  in_step_ = true;
  computed_us_ = 0;
  step_ = gpu::step{std::move(batch)};
  takes_ = time_of_step();
  idle_since_ = events_.now();
}

modelled_backend::step_time modelled_backend::time_of_step() const {
  step_time t;
  double units = 0;
  bool decodes = false;
  for (std::size_t i = 0; i < step_.sequences().size(); ++i) {
    const auto& s = step_.sequences()[i];
    if (step_.is_dropped(i)) continue;
    if (s.tokens.size() == 1 && s.sampler) {
      decodes = true;
      units += s.position;
    } else {
      t.prefill_us += time_.prefill_us(static_cast<double>(s.tokens.size()), s.position);
    }
  }
  if (decodes) t.decode_us = time_.decode_us(units);
  return t;
}

gpu::fence modelled_backend::run_layer(std::uint32_t, std::span<const gpu::fence> after) {
  CHROMATIN_CHECK(in_step_, "layers belong to a step");
  operation next{.after = {}, .computed = std::make_shared<gpu::fence_source>(), .done = {}};
  for (const auto& f : after)
    if (!f.over()) next.after.push_back(f);
  auto fence = next.computed->get();
  queue_.push_back(std::move(next));
  go_on();
  return fence;
}

/// What was enqueued for it takes its time, as on a device.
void modelled_backend::drop(std::uint32_t sequence) {
  CHROMATIN_CHECK(in_step_, "a sequence leaves a step that runs");
  step_.drop(sequence);
  takes_ = time_of_step();
}

void modelled_backend::finish(std::function<void(gpu::step_output)> done) {
  CHROMATIN_CHECK(in_step_, "a step ends once");
  queue_.push_back({.after = {}, .computed = nullptr, .done = std::move(done)});
  go_on();
}

void modelled_backend::go_on() {
  if (computing_ || waiting_ || queue_.empty()) return;
  for (const auto& f : queue_.front().after) {
    if (f.over()) continue;
    waiting_ = true;
    f.then([this](bool) {
      waiting_ = false;
      go_on();
    });
    return;
  }
  auto next = std::move(queue_.front());
  queue_.pop_front();
  run(std::move(next));
}

void modelled_backend::run(operation next) {
  spent_.load_wait_us += us_between(idle_since_, events_.now());
  computing_ = true;
  if (next.computed) {
    auto part = 1 / machine_.layers;
    spent_.prefill_us += takes_.prefill_us * part;
    spent_.decode_us += takes_.decode_us * part;
    auto us = (takes_.prefill_us + takes_.decode_us) * part;
    computed_us_ += us;
    events_.at(events_.now() + from_us(us), [this, computed = std::move(next.computed)] {
      computing_ = false;
      idle_since_ = events_.now();
      computed->pass();
      go_on();
    });
    return;
  }
  double more_us = 0;  // further steps of a burst
  const std::array<float, 2> logits{0, 1};
  while (step_.sample([&](std::size_t) { return std::span<const float>{logits}; })) more_us += time_of_step().decode_us;
  spent_.decode_us += more_us;
  computed_us_ += more_us;
  events_.at(events_.now() + from_us(more_us), [this, done = std::move(next.done)] {
    if (machine_.asynchronous_saving) return end_step(done);
    auto computed = events_.now();
    copies_.when_out([this, done, computed] {
      spent_.save_wait_us += us_between(computed, events_.now());
      end_step(done);
    });
  });
}

void modelled_backend::end_step(const std::function<void(gpu::step_output)>& done) {
  computing_ = in_step_ = false;
  gpu::step_output output{.sequences = step_.take_results(), .compute_us = static_cast<std::int64_t>(computed_us_)};
  step_ = {};  // gives its pages back before anybody hears of the end
  done(std::move(output));
}

bool modelled_backend::abandon(std::function<void()>) {
  CHROMATIN_CHECK(!in_step_, "the executor of a simulation lives as long as its device");
  return false;
}

}  // namespace chromatin::sim

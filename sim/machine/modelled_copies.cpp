#include "sim/machine/modelled_copies.hpp"

#include <utility>

namespace chromatin::sim {

modelled_copies::modelled_copies(const machine& m, const model_of_time& time, timeline& events)
    : time_{time},
      events_{events},
      latency_{from_us(m.copy_latency_us)},
      in_{m.to_device_gb_per_s * 1e9},
      out_{m.to_host_gb_per_s * 1e9},
      zeros_{kv::checksum(std::vector<std::byte>(kv::slice_alignment_bytes))} {}

double modelled_copies::bytes_of(const std::vector<gpu::slice_copy>& slices) const {
  double units = 0;
  for (const auto& s : slices) units += s.tokens;
  return time_.layer_bytes(units);
}

gpu::fence modelled_copies::in(std::vector<gpu::slice_copy> slices, copied done) {
  auto source = std::make_shared<gpu::fence_source>();
  auto ends = in_.carry(events_.now(), bytes_of(slices)) + latency_;
  events_.at(ends, [source, slices = std::move(slices), done = std::move(done)]() mutable {
    slices.clear();
    source->pass();
    done({});
  });
  return source->get();
}

void modelled_copies::out(std::vector<gpu::slice_copy> slices, gpu::fence after, copied done) {
  ++going_out_;
  auto begin = [this, slices = std::move(slices), done = std::move(done)](bool passed) mutable {
    if (passed) return carry_out(std::move(slices), std::move(done));
    events_.at(events_.now(), [this, done = std::move(done)] {
      done({.error = gpu::copy_error::failed});
      out_ended();
    });
  };
  after.then(std::move(begin));
}

void modelled_copies::carry_out(std::vector<gpu::slice_copy> slices, copied done) {
  auto ends = out_.carry(events_.now(), bytes_of(slices)) + latency_;
  events_.at(ends, [this, slices = std::move(slices), done = std::move(done)]() mutable {
    gpu::copy_result result{.checksums = std::vector<std::uint64_t>(slices.size(), zeros_)};
    slices.clear();
    done(std::move(result));
    out_ended();
  });
}

void modelled_copies::out_ended() {
  if (--going_out_ > 0) return;
  for (auto& call : std::exchange(waiting_, {})) call();
}

void modelled_copies::when_out(std::function<void()> call) {
  if (going_out_ == 0) return call();
  waiting_.push_back(std::move(call));
}

/// Within the device: its memory is so much faster than the link that it takes the latency only.
gpu::fence modelled_copies::copy(kv::page_ref from, kv::page_ref to, std::uint32_t, gpu::fence after) {
  auto source = std::make_shared<gpu::fence_source>();
  after.then([this, source, from = std::move(from), to = std::move(to)](bool passed) {
    events_.at(events_.now() + latency_, [source, passed, from, to] { passed ? source->pass() : source->fail(); });
  });
  return source->get();
}

}  // namespace chromatin::sim

#include "bench/gpu/workbench.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "bench/measure.hpp"
#include "model/random_values.hpp"

namespace chromatin::bench {
namespace {

/// Of random values made by the processor; the device repeats them.
constexpr std::size_t made_bytes = std::size_t{16} << 20;

}  // namespace

workbench::workbench(std::shared_ptr<gpu::cuda::runtime> device, int repeats)
    : device_{std::move(device)},
      repeats_{repeats},
      stream_{device_->make_stream()},
      begin_{device_->make_event(true)},
      end_{device_->make_event(true)} {}

workbench::~workbench() {
  device_->synchronize(stream_);
  device_->destroy(begin_);
  device_->destroy(end_);
  device_->destroy(stream_);
}

void workbench::wait() {
  if (!device_->synchronize(stream_)) throw std::runtime_error("the device failed: " + device_->error());
}

kv::memory_block workbench::random(std::size_t bytes) {
  auto memory = device_->allocate(bytes);
  auto staging = device_->pinned(std::min(bytes, made_bytes));
  model::random_values values{1};
  auto* first = as<std::uint16_t>(staging);
  std::generate_n(first, staging.size_bytes / 2, [&] { return model::to_bf16(values.normal(0.02f)); });
  auto* to = memory.data.get();
  device_->copy(stream_, to, first, staging.size_bytes);
  for (auto done = staging.size_bytes; done < bytes; done *= 2)
    device_->copy(stream_, to + done, to, std::min(done, bytes - done));
  wait();
  return memory;
}

double workbench::seconds_once(const std::function<void()>& enqueue) {
  device_->record(begin_, stream_);
  enqueue();
  device_->record(end_, stream_);
  wait();
  return device_->elapsed_ms(begin_, end_) * 1e-3;
}

double workbench::seconds(const std::function<void()>& enqueue) {
  seconds_once(enqueue);
  std::vector<double> all;
  for (int i = 0; i < repeats_; ++i) all.push_back(seconds_once(enqueue));
  return median(std::move(all));
}

}  // namespace chromatin::bench

#include "gpu/cuda/cuda_backend.hpp"

#include <atomic>
#include <mutex>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "gpu/cuda/cuda_copies.hpp"
#include "gpu/cuda/device_pass.hpp"
#include "kv/check.hpp"

namespace chromatin::gpu {
namespace cuda {
namespace {

/// The caller enqueues until finish(); from then on the runtime's thread goes on, and only abandon() may come between.
class cuda_backend final : public backend {
 public:
  cuda_backend(std::shared_ptr<const model::checkpoint> checkpoint, std::shared_ptr<runtime> on,
               const cuda_options& options);
  ~cuda_backend() override;

  const kv::geometry& geometry() const override { return pass_.geometry(); }
  std::string description() const override;
  std::uint64_t weight_bytes() const override { return pass_.weight_bytes(); }
  std::shared_ptr<kv::page_arena> make_arena(std::uint32_t pages) override;
  bool orders_loads() const override { return true; }
  void begin(step_batch batch) override;
  fence run_layer(std::uint32_t layer, std::span<const fence> after) override;
  void drop(std::uint32_t sequence) override;
  void finish(std::function<void(step_output)> done) override;
  bool abandon(std::function<void()> ended) override;
  copy_engine& copies() override { return copies_; }

 private:
  /// A stretch of the device's work.
  struct stretch {
    shared_event begin, end;
  };

  /// Runs `work` unless the step is broken; what it throws breaks it.
  void enqueue(const std::function<void()>& work);
  /// And notes how long the device is at what it enqueues.
  void enqueue_timed(const std::function<void()>& work);
  void fail(std::string what);
  bool broken() const { return broken_.load(std::memory_order_acquire); }
  void on_computed(bool passed);
  void go_on();
  void when_loaded(std::function<void()> call);
  void deliver();
  void end_step(const std::function<void()>& tell);

  std::shared_ptr<runtime> runtime_;
  std::shared_ptr<event_pool> events_ = std::make_shared<event_pool>(runtime_);
  std::shared_ptr<event_pool> times_ = std::make_shared<event_pool>(runtime_, true);
  device_pass pass_;
  bool fixed_order_;

  std::atomic<bool> in_step_{false};  ///< the runtime's thread clears it
  std::uint32_t next_layer_ = 0;
  step step_;
  std::vector<fence> loads_;  ///< that this step waited for
  std::vector<stretch> computed_;

  std::mutex mutex_;
  std::string error_;                        ///< guarded
  std::function<void(step_output)> ending_;  ///< guarded: set while the runtime's thread has the step
  std::function<void()> abandoned_;          ///< guarded
  std::atomic<bool> broken_{false};

  cuda_copies copies_;  ///< the last: what it ends uses all of the above
};

cuda_backend::cuda_backend(std::shared_ptr<const model::checkpoint> checkpoint, std::shared_ptr<runtime> on,
                           const cuda_options& options)
    : runtime_{std::move(on)},
      pass_{std::move(checkpoint), *runtime_, options},
      fixed_order_{options.deterministic},
      copies_{runtime_, events_, pass_.geometry(), options.verify} {}

cuda_backend::~cuda_backend() { runtime_->synchronize(pass_.compute()); }

std::string cuda_backend::description() const {
  const auto& p = runtime_->properties();
  return fmt::format("cuda: {}, driver {}, {}, bf16{}", p.name, p.driver, runtime_->multiplier().description(),
                     fixed_order_ ? ", deterministic" : "");
}

std::shared_ptr<kv::page_arena> cuda_backend::make_arena(std::uint32_t pages) {
  auto bytes = geometry().chunk_bytes();
  auto memory = std::make_shared<kv::memory_block>(runtime_->allocate(pages * bytes));
  auto* data = memory->data.get();
  // The runtime lives as long as its memory.
  kv::memory_block held{{data, [memory, on = runtime_](std::byte*) mutable { memory.reset(); }}, pages * bytes};
  return kv::page_arena::make(std::move(held), bytes);
}

void cuda_backend::fail(std::string what) {
  std::lock_guard lock{mutex_};
  if (error_.empty()) error_ = std::move(what);
  broken_.store(true, std::memory_order_release);
}

void cuda_backend::enqueue(const std::function<void()>& work) {
  if (broken()) return;
  try {
    work();
  } catch (const std::bad_alloc&) {
    fail("the device has no memory left for the step");
  } catch (const std::exception& e) {
    fail(e.what());
  }
}

void cuda_backend::enqueue_timed(const std::function<void()>& work) {
  auto from = times_->record(pass_.compute());
  enqueue(work);
  computed_.push_back({std::move(from), times_->record(pass_.compute())});
}

void cuda_backend::begin(step_batch batch) {
  CHROMATIN_CHECK(!in_step_.exchange(true), "a step begins when the one before has ended");
  next_layer_ = 0;
  loads_.clear();
  computed_.clear();
  {
    std::lock_guard lock{mutex_};
    error_.clear();
    broken_ = false;
  }
  step_ = step{std::move(batch)};
  enqueue([&] { pass_.begin(step_); });
}

fence cuda_backend::run_layer(std::uint32_t layer, std::span<const fence> after) {
  CHROMATIN_CHECK(in_step_ && layer == next_layer_++, "layers come in order");
  for (const auto& f : after) {
    if (f.over()) continue;
    const auto* load = behind(f);
    CHROMATIN_CHECK(load, "a layer waits for what this device's copy engine does");
    runtime_->wait(pass_.compute(), load->reached());
    loads_.push_back(f);
  }
  enqueue_timed([&] { pass_.layer(layer); });
  auto computed = std::make_shared<device_fence>(events_->record(pass_.compute()), true);
  // Broken now or never: what breaks it later is not of this layer.
  runtime_->then(pass_.compute(), [computed, right = !broken()](bool passed) { computed->end(passed && right); });
  return fence{computed};
}

void cuda_backend::drop(std::uint32_t sequence) {
  CHROMATIN_CHECK(in_step_, "a sequence leaves a step that runs");
  step_.drop(sequence);
  enqueue([&] { pass_.leave_out_dropped(step_); });
}

void cuda_backend::finish(std::function<void(step_output)> done) {
  CHROMATIN_CHECK(in_step_ && next_layer_ == geometry().layers, "a step ends after its last layer");
  {
    std::lock_guard lock{mutex_};
    ending_ = std::move(done);
  }
  enqueue_timed([&] { pass_.head(step_); });
  runtime_->then(pass_.compute(), [this](bool passed) { on_computed(passed); });
}

void cuda_backend::on_computed(bool passed) {
  if (!passed) fail(runtime_->error());
  std::vector<std::size_t> unknown;
  enqueue([&] {
    unknown = step_.sample_from([this](std::size_t sequence) { return pass_.likeliest(sequence); });
    for (auto sequence : unknown) pass_.fetch_logits(sequence);
  });
  if (unknown.empty() || broken()) return go_on();
  runtime_->then(pass_.compute(), [this](bool now) {
    if (!now) fail(runtime_->error());
    go_on();
  });
}

void cuda_backend::go_on() {
  bool more = false;
  enqueue([&] { more = step_.sample([this](std::size_t sequence) { return pass_.logits(sequence); }); });
  if (!more || broken()) return when_loaded([this] { deliver(); });
  enqueue_timed([&] { pass_.whole(step_); });
  runtime_->then(pass_.compute(), [this](bool now) { on_computed(now); });
}

/// What was loaded is compared on the host, perhaps later than it was used: who hears of the step's end must find its
/// loads' fences over.
void cuda_backend::when_loaded(std::function<void()> call) {
  auto left = std::make_shared<std::atomic<std::size_t>>(loads_.size() + 1);
  auto one_less = [left, call = std::move(call)](bool) {
    if (left->fetch_sub(1) == 1) call();
  };
  for (const auto& f : loads_) f.then(one_less);
  one_less(true);
}

void cuda_backend::deliver() {
  double spent_ms = 0;
  for (const auto& s : computed_) spent_ms += broken() ? 0 : runtime_->elapsed_ms(s.begin.get(), s.end.get());
  step_output output{.sequences = step_.take_results(), .compute_us = static_cast<std::int64_t>(spent_ms * 1000)};
  std::function<void(step_output)> done;
  std::function<void()> abandoned;
  {
    std::lock_guard lock{mutex_};
    output.error = error_;
    done = std::exchange(ending_, nullptr);
    abandoned = std::exchange(abandoned_, nullptr);
  }
  end_step([&] {
    done(std::move(output));
    if (abandoned) abandoned();
  });
}

/// Pages go back before anybody hears of the end.
void cuda_backend::end_step(const std::function<void()>& tell) {
  step_ = {};
  loads_.clear();
  computed_.clear();
  in_step_ = false;
  tell();
}

bool cuda_backend::abandon(std::function<void()> ended) {
  if (!in_step_) return false;
  fail("the step was abandoned");  // nothing more of it is enqueued
  {
    std::lock_guard lock{mutex_};
    if (ending_) {
      abandoned_ = std::move(ended);
      return true;
    }
  }
  if (!in_step_) return false;
  runtime_->then(pass_.compute(), [this, ended = std::move(ended)](bool) { end_step(ended); });
  return true;
}

}  // namespace
}  // namespace cuda

std::unique_ptr<backend> make_cuda_backend(std::shared_ptr<const model::checkpoint> checkpoint,
                                           std::shared_ptr<cuda::runtime> on, const cuda_options& options) {
  if (auto traits = model::traits_beyond_llama(checkpoint->config); !traits.empty())
    throw std::runtime_error(
        fmt::format("the CUDA backend does not compute what the model has: {}", fmt::join(traits, ", ")));
  return std::make_unique<cuda::cuda_backend>(std::move(checkpoint), std::move(on), options);
}

}  // namespace chromatin::gpu

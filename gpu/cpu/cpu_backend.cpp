#include "gpu/cpu/cpu_backend.hpp"

#include <chrono>
#include <mutex>

#include <omp.h>

#include "gpu/cpu/cpu_copies.hpp"
#include "gpu/cpu/forward_pass.hpp"
#include "gpu/cpu/team.hpp"
#include "kv/check.hpp"

namespace chromatin::gpu {
namespace {

using clock = std::chrono::steady_clock;

/// Queues a step's parts for the team. Members without a mark belong to whatever the team runs alone.
class cpu_backend final : public backend {
 public:
  cpu_backend(std::unique_ptr<forward_pass> model, const cpu_options& options);
  ~cpu_backend() override { model_->stop_packing(); }  // what the team waits for

  const kv::geometry& geometry() const override { return model_->geometry(); }
  std::string description() const override { return model_->description(); }
  std::uint64_t weight_bytes() const override { return model_->weight_bytes(); }
  std::shared_ptr<kv::page_arena> make_arena(std::uint32_t pages) override;
  bool orders_loads() const override { return false; }
  void begin(step_batch batch) override;
  fence run_layer(std::uint32_t layer, std::span<const fence> after) override;
  void drop(std::uint32_t sequence) override;
  void finish(std::function<void(step_output)> done) override;
  bool abandon(std::function<void()> ended) override;
  void stop_packing() override { model_->stop_packing(); }
  copy_engine& copies() override { return copies_; }

 private:
  using ending = std::shared_ptr<std::function<void(step_output)>>;

  /// A loop that is nothing but its beginning.
  static team::loop alone(std::function<void()> work);
  std::shared_ptr<const team::program> program_of(std::uint32_t layer, std::vector<stage> stages);
  void queue_end(const ending& done);
  void sample();
  void go_on_or_deliver(const ending& done);
  void end_abandoned(std::function<void()> ended);

  void fail(const char* what);
  bool broken() const { return broken_.load(std::memory_order_acquire); }
  void start_clock(operation what);
  void stop_clock();

  std::unique_ptr<forward_pass> model_;
  std::vector<std::shared_ptr<const team::program>> layers_;
  std::shared_ptr<const team::program> head_;
  operation_times* times_;
  cpu_copies copies_;

  // The caller's.
  std::atomic<bool> in_step_{false};  ///< the device clears it
  std::uint32_t next_layer_ = 0;

  step step_;
  bool goes_on_ = false;
  operation running_{};
  clock::time_point since_{};  ///< zero when nothing runs
  std::chrono::nanoseconds computed_{};

  std::mutex error_mutex_;
  std::string error_;  ///< guarded
  std::atomic<bool> broken_{false};

  team team_;  ///< the last: it uses all of the above
};

cpu_backend::cpu_backend(std::unique_ptr<forward_pass> model, const cpu_options& options)
    : model_{std::move(model)},
      times_{options.times},
      copies_{slice_mover{model_->geometry(), options.verify}},
      team_{model_->threads(), [] { omp_set_num_threads(1); }, [this](const char* what) { fail(what); }} {
  auto count = geometry().layers;
  for (std::uint32_t layer = 0; layer < count; ++layer) layers_.push_back(program_of(layer, model_->layer(layer)));
  head_ = program_of(count, model_->head());
}

std::shared_ptr<kv::page_arena> cpu_backend::make_arena(std::uint32_t pages) {
  auto bytes = geometry().chunk_bytes();
  return kv::page_arena::make(kv::plain_memory(pages * bytes), bytes);
}

void cpu_backend::fail(const char* what) {
  std::lock_guard lock{error_mutex_};
  if (error_.empty()) error_ = what;
  broken_.store(true, std::memory_order_release);
}

void cpu_backend::start_clock(operation what) {
  auto now = clock::now();
  if (since_ != clock::time_point{}) {
    computed_ += now - since_;
    if (times_) times_->spent[static_cast<std::size_t>(running_)] += now - since_;
  }
  running_ = what;
  since_ = now;
}

void cpu_backend::stop_clock() {
  start_clock(running_);
  since_ = {};
}

team::loop cpu_backend::alone(std::function<void()> work) {
  return {.begin =
              [work = std::move(work)](std::uint32_t) {
                work();
                return 0u;
              },
          .piece = {}};
}

/// The clock does not run while a layer's weights are waited for.
std::shared_ptr<const team::program> cpu_backend::program_of(std::uint32_t layer, std::vector<stage> stages) {
  team::program loops{alone([this, layer] {
    if (!broken()) model_->wait_for_weights(layer);
  })};
  for (auto& s : stages)
    loops.push_back({.begin = [this, what = s.what, begin = std::move(s.begin),
                               piece = s.piece](std::uint32_t worker) -> std::uint32_t {
                       if (broken()) return 0;
                       start_clock(what);
                       auto pieces = begin();
                       if (!model_->is_small()) return pieces;
                       for (std::uint32_t i = 0; i < pieces; ++i) piece(i, worker);
                       return 0;
                     },
                     .piece = std::move(s.piece)});
  return std::make_shared<const team::program>(std::move(loops));
}

void cpu_backend::begin(step_batch batch) {
  CHROMATIN_CHECK(!in_step_.exchange(true), "a step begins when the one before has ended");
  next_layer_ = 0;
  auto shared = std::make_shared<step_batch>(std::move(batch));
  team_.push({alone([this, shared] {
    {
      std::lock_guard lock{error_mutex_};
      error_.clear();
      broken_ = false;
    }
    computed_ = {};
    since_ = {};
    start_clock(operation::embed);
    step_ = step{std::move(*shared)};
    model_->begin(step_);
    stop_clock();
  })});
}

fence cpu_backend::run_layer(std::uint32_t layer, std::span<const fence> after) {
  CHROMATIN_CHECK(in_step_ && layer == next_layer_++, "layers come in order");
  for (const auto& f : after) CHROMATIN_CHECK(f.over(), "this device does not wait for loads");
  auto source = std::make_shared<fence_source>();
  team_.push(layers_[layer]);
  team_.push({alone([this, source] {
    stop_clock();
    if (broken())
      source->fail();
    else
      source->pass();
  })});
  return source->get();
}

void cpu_backend::drop(std::uint32_t sequence) {
  CHROMATIN_CHECK(in_step_, "a sequence leaves a step that runs");
  team_.push({alone([this, sequence] {
    if (broken()) return;
    step_.drop(sequence);
    model_->leave_out_dropped();
  })});
}

void cpu_backend::finish(std::function<void(step_output)> done) {
  CHROMATIN_CHECK(in_step_ && next_layer_ == geometry().layers, "a step ends after its last layer");
  queue_end(std::make_shared<std::function<void(step_output)>>(std::move(done)));
}

bool cpu_backend::abandon(std::function<void()> ended) {
  if (!in_step_) return false;
  fail("the step was abandoned");  // what is queued of it does nothing
  end_abandoned(std::move(ended));
  return true;
}

void cpu_backend::end_abandoned(std::function<void()> ended) {
  team_.push({alone([this, ended = std::move(ended)] {
    if (goes_on_) return end_abandoned(ended);  // a burst has just queued its next step in front of the end
    step_ = {};
    in_step_ = false;
    ended();
  })});
}

void cpu_backend::queue_end(const ending& done) {
  team_.push(head_);
  team_.push({alone([this] { sample(); }),
              alone([this, done] { go_on_or_deliver(done); })});  // by itself: it comes even after a failure
}

void cpu_backend::sample() {
  goes_on_ = false;
  if (broken()) return;
  start_clock(operation::sample);
  bool more = step_.sample([this](std::size_t sequence) { return model_->logits(sequence); });
  if (more) {
    start_clock(operation::embed);
    model_->begin(step_);
  }
  stop_clock();
  goes_on_ = more;
}

void cpu_backend::go_on_or_deliver(const ending& done) {
  if (goes_on_) {
    for (const auto& layer : layers_) team_.push(layer);
    return queue_end(done);
  }
  step_output output{.sequences = step_.take_results(),
                     .compute_us = std::chrono::duration_cast<std::chrono::microseconds>(computed_).count()};
  {
    std::lock_guard lock{error_mutex_};
    output.error = error_;
  }
  step_ = {};  // gives pages back before anybody hears of the end
  in_step_ = false;
  (*done)(std::move(output));
}

}  // namespace

kv::dtype best_compute_type() { return has_bf16_matmul() ? kv::dtype::bf16 : kv::dtype::f32; }

std::unique_ptr<backend> make_cpu_backend(std::shared_ptr<const model::checkpoint> checkpoint,
                                          const cpu_options& options) {
  return std::make_unique<cpu_backend>(std::make_unique<forward_pass>(std::move(checkpoint), options), options);
}

}  // namespace chromatin::gpu

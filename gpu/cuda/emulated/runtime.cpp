#include "gpu/cuda/emulated/runtime.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "gpu/cuda/emulated/kernels.hpp"
#include "gpu/cuda/emulated/products.hpp"
#include "gpu/cuda/emulated/runtime_memory.hpp"
#include "gpu/cuda/emulated/runtime_queue.hpp"
#include "kv/check.hpp"

namespace chromatin::gpu::cuda {

struct event_handle {
  bool timed = false;
  std::shared_ptr<stream_mark> last;  ///< of its last record()
};

struct graph_handle {
  captured_steps steps;
};

namespace {

struct rows_copy {
  std::byte* to;
  std::size_t to_stride;
  const std::byte* from;
  std::size_t from_stride, bytes, rows;

  std::size_t to_span() const { return (rows - 1) * to_stride + bytes; }
  std::size_t from_span() const { return (rows - 1) * from_stride + bytes; }
  void run() const {
    for (std::size_t row = 0; row < rows; ++row) std::memcpy(to + row * to_stride, from + row * from_stride, bytes);
  }
};

/// One operation at a time is under way, whoever polls; the lock is not held meanwhile.
class emulated_device final : public emulated_runtime {
 public:
  explicit emulated_device(const emulated_options& options)
      : properties_{.name = "emulated",
                    .driver = "seed " + std::to_string(options.seed),
                    .multiprocessors = 4,
                    .memory_bytes = options.memory_bytes,
                    .shared_bytes_max = std::size_t{163} << 10},
        memory_{std::make_shared<emulated_memory>(options.memory_bytes)},
        products_{make_emulated_products(memory_)},
        streams_{options.seed} {
    if (options.own_thread) thread_ = std::thread{[this] { work(); }};
  }

  bool is_own_call() const { return std::this_thread::get_id() == thread_.get_id(); }

  ~emulated_device() override {
    CHROMATIN_CHECK(!is_own_call(), "a device is not destroyed by a call of its own");
    if (thread_.joinable()) {
      with_lock([this] { stopping_ = true; });
      thread_.join();
    } else {
      while (poll()) {
      }
    }
    CHROMATIN_CHECK(memory_->device_blocks() == 0, "memory does not outlive its device");
    for (auto* e : events_) delete e;
    for (auto* g : graphs_) delete g;
  }

  const device_properties& properties() const override { return properties_; }
  const kernel_table& kernels() const override { return emulated_kernels(); }
  products& multiplier() override { return *products_; }

  kv::memory_block allocate(std::size_t bytes) override { return allocated(bytes, emulated_memory::place::device); }
  std::size_t free_bytes() const override { return memory_->free_bytes(); }
  kv::memory_block pinned(std::size_t bytes) override { return allocated(bytes, emulated_memory::place::host); }

  stream make_stream(bool) override {
    std::lock_guard lock{mutex_};
    auto sink = [this](emulated_stream& s, std::function<void(std::uint64_t)> work) { enqueue(s, std::move(work)); };
    return &streams_.add(std::make_unique<emulated_stream>(this, sink));
  }

  void destroy(stream s) noexcept override {
    std::lock_guard lock{mutex_};
    at(s).owner = nullptr;
  }

  event make_event(bool timed) override {
    std::lock_guard lock{mutex_};
    return *events_.insert(new event_handle{.timed = timed}).first;
  }

  void destroy(event e) noexcept override {
    std::lock_guard lock{mutex_};
    checked(e).last.reset();
    events_.erase(e);
    destroyed_events_.emplace_back(e);
    if (destroyed_events_.size() > destroyed_events_max) destroyed_events_.pop_front();
  }

  void record(event e, stream s) override {
    with_lock([&] {
      auto& queue = not_captured(s);
      checked(e).last = std::make_shared<stream_mark>();
      queue.operations.push_back({.reaches = e->last});
    });
  }

  void wait(stream s, event e) override {
    with_lock([&] {
      auto& queue = not_captured(s);
      if (auto mark = checked(e).last) queue.operations.push_back({.after = mark});
    });
  }

  void copy(stream s, void* to, const void* from, std::size_t bytes) override {
    copy_rows(s, to, bytes, from, bytes, bytes, 1);
  }

  void copy_rows(stream s, void* to, std::size_t to_stride, const void* from, std::size_t from_stride,
                 std::size_t bytes, std::size_t rows) override {
    if (bytes == 0 || rows == 0) return;
    CHROMATIN_CHECK(to_stride >= bytes && from_stride >= bytes, "rows of a copy do not overlap");
    enqueue_copies(
        s, {{static_cast<std::byte*>(to), to_stride, static_cast<const std::byte*>(from), from_stride, bytes, rows}});
  }

  void copy_many(stream s, std::span<const byte_copy> copies) override {
    std::vector<rows_copy> all;
    for (const auto& c : copies) all.push_back({c.to, c.bytes, c.from, c.bytes, c.bytes, 1});
    enqueue_copies(s, std::move(all));
  }

  void then(stream s, std::function<void(bool passed)> call) override {
    with_lock([&] {
      auto& queue = not_captured(s);
      auto mark = std::make_shared<stream_mark>();
      queue.operations.push_back({.reaches = mark});
      queue.calls.push_back({.after = mark, .call = std::move(call)});
    });
  }

  bool synchronize(stream s) override {
    auto done = std::make_shared<stream_mark>(), mark = std::make_shared<stream_mark>();
    with_lock([&] {
      not_captured(s).operations.push_back({.reaches = done});
      at(s).calls.push_back({.after = done, .reaches = mark});  // behind the calls of then()
    });
    std::unique_lock lock{mutex_};
    CHROMATIN_CHECK(runner_ != std::this_thread::get_id(), "a call of then() does not wait");
    while (!mark->reached) {
      if (thread_.joinable()) {
        changed_.wait(lock);
      } else {
        lock.unlock();
        poll();
        lock.lock();
      }
    }
    return mark->passed;
  }

  void begin_capture(stream s) override {
    std::lock_guard lock{mutex_};
    not_captured(s).captured.emplace();
  }

  graph end_capture(stream s) override {
    std::lock_guard lock{mutex_};
    auto& queue = at(s);
    CHROMATIN_CHECK(queue.captured, "what ends was begun");
    return *graphs_.insert(new graph_handle{*std::exchange(queue.captured, std::nullopt)}).first;
  }

  void launch(stream s, graph g) override {
    captured_steps steps;
    {
      std::lock_guard lock{mutex_};
      not_captured(s);
      CHROMATIN_CHECK(graphs_.contains(g), "a graph that is launched was not destroyed");
      steps = g->steps;
    }
    for (const auto& step : steps) step(s);
  }

  void destroy(graph g) noexcept override {
    std::lock_guard lock{mutex_};
    CHROMATIN_CHECK(graphs_.erase(g) == 1, "a graph is destroyed once");
    delete g;
  }

  double elapsed_ms(event begin, event end) override {
    std::lock_guard lock{mutex_};
    CHROMATIN_CHECK(checked(begin).timed && checked(end).timed, "events that are measured were made for it");
    auto first = begin->last, last = end->last;
    CHROMATIN_CHECK(first && last && first->reached && last->reached, "events that are measured were reached");
    return static_cast<double>(last->at) - static_cast<double>(first->at);
  }

  std::string error() const override {
    std::lock_guard lock{mutex_};
    return error_;
  }

  void fail(std::string reason) override {
    std::lock_guard lock{mutex_};
    if (error_.empty()) error_ = std::move(reason);
  }

  bool busy() const override {
    std::lock_guard lock{mutex_};
    return runner_ != std::thread::id{} || !streams_.empty();
  }

  bool poll() override {
    std::unique_lock lock{mutex_};
    CHROMATIN_CHECK(runner_ != std::this_thread::get_id(), "a call of then() does not wait");
    changed_.wait(lock, [this] { return runner_ == std::thread::id{}; });
    auto drawn = streams_.draw();
    if (!drawn) return false;
    runner_ = std::this_thread::get_id();
    auto seed = streams_.number();
    auto passed = error_.empty();
    lock.unlock();
    if (drawn->work && passed) drawn->work(seed);
    if (drawn->call) drawn->call(passed);
    drawn->work = nullptr;  // gives back the memory that it names before anybody hears that it is done
    drawn->call = nullptr;
    lock.lock();
    ++done_;
    if (drawn->reaches) *drawn->reaches = {.reached = true, .passed = error_.empty(), .at = done_};
    runner_ = {};
    lock.unlock();
    changed_.notify_all();
    return true;
  }

 private:
  static constexpr std::size_t destroyed_events_max = 4096;

  template <typename Change>
  void with_lock(const Change& change) {
    {
      std::lock_guard lock{mutex_};
      change();
    }
    changed_.notify_all();
  }

  kv::memory_block allocated(std::size_t bytes, emulated_memory::place where) {
    if (!error().empty()) throw std::bad_alloc();  // as CUDA, whose every call fails then
    return memory_->allocate(bytes, where);
  }

  emulated_stream& at(stream s) {
    auto& queue = *static_cast<emulated_stream*>(s);
    CHROMATIN_CHECK(queue.owner == this, "a stream is used at its device, and not after it was destroyed");
    return queue;
  }

  emulated_stream& not_captured(stream s) {
    auto& queue = at(s);
    CHROMATIN_CHECK(!queue.captured, "only kernels and copies are captured");
    return queue;
  }

  event_handle& checked(event e) const {
    CHROMATIN_CHECK(events_.contains(e), "an event is used at its device, and not after it was destroyed");
    return *e;
  }

  void enqueue(emulated_stream& s, std::function<void(std::uint64_t)> work) {
    with_lock([&] {
      auto& queue = at(&s);
      if (queue.captured)
        queue.captured->push_back([work = std::move(work)](stream later) { later->enqueue(work); });
      else
        queue.operations.push_back({.work = std::move(work)});
    });
  }

  /// Of one operation, in an order that is drawn with it.
  void enqueue_copies(stream s, std::vector<rows_copy> copies) {
    std::vector<std::shared_ptr<const void>> names;
    for (const auto& c : copies) {
      CHROMATIN_CHECK(c.rows > 1 || c.to + c.bytes <= c.from || c.from + c.bytes <= c.to,
                      "source and target of a copy do not overlap");
      names.push_back(memory_->use(c.to, c.to_span()));
      names.push_back(memory_->use(c.from, c.from_span()));
    }
    with_lock([&] {
      auto& queue = at(s);
      if (queue.captured)
        queue.captured->push_back([this, copies](stream later) { enqueue_copies(later, copies); });
      else
        queue.operations.push_back({.work = [copies = std::move(copies), names](std::uint64_t seed) mutable {
          std::ranges::shuffle(copies, std::mt19937_64{seed});
          for (const auto& c : copies) c.run();
        }});
    });
  }

  void work() {
    for (;;) {
      {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [this] { return stopping_ || streams_.anything_ready(); });
        if (!streams_.anything_ready()) return;
      }
      poll();
    }
  }

  const device_properties properties_;
  const std::shared_ptr<emulated_memory> memory_;
  const std::unique_ptr<products> products_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  stream_draw streams_;
  std::unordered_set<event> events_;
  std::deque<std::unique_ptr<event_handle>>
      destroyed_events_;  ///< kept for a while, so that their addresses are not new events
  std::unordered_set<graph> graphs_;
  std::thread::id runner_;  ///< whose operation is under way
  std::uint64_t done_ = 0;
  std::string error_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

std::shared_ptr<emulated_runtime> make_emulated_device(const emulated_options& options) {
  return {new emulated_device{options}, destroy_elsewhere_if_called<emulated_device>};
}

}  // namespace chromatin::gpu::cuda

#include "gpu/cuda/cuda_copies.hpp"

#include <new>
#include <utility>

#include "gpu/cuda/transfer.hpp"

namespace chromatin::gpu::cuda {

namespace {

/// Both sides of a copy within the device; true when nobody wants to know.
bool are_equal(const std::vector<std::shared_ptr<transfer>>& sides) {
  if (sides.empty()) return true;
  if (sides.size() < 2 || !sides[0] || !sides[1]) return false;
  for (std::size_t i = 0; i < sides[0]->slices().size(); ++i)
    if (sides[0]->checksum(i) != sides[1]->checksum(i)) return false;
  return true;
}

bool waits_in_device(const fence& f) {
  const auto* own = behind(f);
  return own && own->event_is_enough();
}

}  // namespace

class cuda_copies::core : public std::enable_shared_from_this<core> {
 public:
  core(std::shared_ptr<runtime> on, std::shared_ptr<event_pool> events, const kv::geometry& shape, bool verify)
      : runtime_{std::move(on)}, events_{std::move(events)}, shape_{shape}, verify_{verify} {}
  ~core();

  fence in(std::vector<slice_copy> slices, copied done);
  void out(std::vector<slice_copy> slices, const fence& after, copied done);
  fence copy(kv::page_ref from, kv::page_ref to, std::uint32_t tokens, const fence& after);
  void close();

 private:
  using order = std::function<void(bool passed)>;
  struct slot_copy {
    kv::page_ref from, to;
    std::uint32_t tokens = 0;
  };
  struct slots_on_their_way {
    slot_copy what;                                ///< holds the pages
    std::vector<std::shared_ptr<transfer>> sides;  ///< both, packed again, where they are to be compared
  };

  /// Calls `enqueue` with the stream waiting for `after`: now, or when the host knows. Never with false from inside
  /// this call.
  void when(const fence& after, stream in, order enqueue);
  std::shared_ptr<transfer> prepare(std::vector<slice_copy> slices, bool packs_all) const;
  void pack(stream in, const transfer& of, std::size_t i) const;
  /// Those that arrive packed: in a stream of their own, so that the link has something to do while they are unpacked.
  void enqueue_packed(const transfer& of) const;
  void enqueue_out(std::shared_ptr<transfer> of, const copied& done);
  copy_result compare(const transfer& of) const;
  copy_result outcome(const transfer& of) const;
  slots_on_their_way enqueue_slots(slot_copy next);
  void tell_copied(slots_on_their_way copy, std::shared_ptr<fence_flag> ended);
  std::vector<slice_copy> all_layers(const kv::page_ref& page, std::uint32_t tokens) const;

  std::shared_ptr<runtime> runtime_;
  std::shared_ptr<event_pool> events_;
  kv::geometry shape_;
  bool verify_;
  std::shared_ptr<room_pool> rooms_ = std::make_shared<room_pool>(runtime_);
  // Nobody computes with what checks and saves make: they are not urgent.
  stream loads_ = runtime_->make_stream(true), packed_loads_ = runtime_->make_stream(true);
  stream within_ = runtime_->make_stream(true);
  stream checks_ = runtime_->make_stream(), saves_ = runtime_->make_stream();
  std::atomic<bool> closed_{false};
};

cuda_copies::core::~core() {
  for (auto s : {loads_, packed_loads_, checks_, saves_, within_}) runtime_->destroy(s);
}

/// Everything that is in the streams ends, and its callbacks come; what waits for a fence fails later.
void cuda_copies::core::close() {
  closed_ = true;
  for (auto s : {loads_, packed_loads_, checks_, saves_, within_}) runtime_->synchronize(s);
}

void cuda_copies::core::when(const fence& after, stream in, order enqueue) {
  if (after.passed()) return enqueue(true);
  if (waits_in_device(after)) {
    runtime_->wait(in, behind(after)->reached());
    return enqueue(true);
  }
  after.then([self = shared_from_this(), in, enqueue = std::move(enqueue)](bool passed) {
    if (passed && !self->closed_) return enqueue(true);
    self->runtime_->then(in, [enqueue](bool) { enqueue(false); });
  });
}

void cuda_copies::core::pack(stream in, const transfer& of, std::size_t i) const {
  const auto& slice = of.slices()[i];
  runtime_->kernels().pack(in, of.in_page(i), 2 * shape_.kv_heads, static_cast<std::uint32_t>(shape_.head_bytes()),
                           static_cast<std::uint32_t>(slice.tokens * shape_.token_bytes()), of.packed(i).bytes,
                           of.stage(i));
}

void cuda_copies::core::enqueue_packed(const transfer& of) const {
  const auto copies = of.staged(transfer::direction::in);
  if (copies.empty()) return;
  runtime_->copy_many(packed_loads_, copies);
  for (std::size_t i = 0; i < of.slices().size(); ++i) {
    if (!of.stage(i)) continue;
    const auto used = static_cast<std::uint32_t>(of.slices()[i].tokens * shape_.token_bytes());
    runtime_->kernels().unpack(packed_loads_, of.stage(i), 2 * shape_.kv_heads,
                               static_cast<std::uint32_t>(shape_.head_bytes()), used, of.in_page(i));
    if (verify_) pack(packed_loads_, of, i);
  }
  runtime_->wait(loads_, events_->record(packed_loads_).get());
}

fence cuda_copies::core::in(std::vector<slice_copy> slices, copied done) {
  bool checks = verify_;
  for (const auto& s : slices) checks = checks || s.checksum;
  auto of = prepare(std::move(slices), verify_);
  if (!of) {
    auto never = std::make_shared<fence_flag>();
    runtime_->then(loads_, [never, done = std::move(done)](bool) {
      never->end(false);
      done({.error = copy_error::failed});
    });
    return fence{never};
  }
  runtime_->copy_many(loads_, of->direct(transfer::direction::in));
  enqueue_packed(*of);
  auto arrived = std::make_shared<device_fence>(events_->record(loads_), !checks);
  auto last = checks ? checks_ : loads_;
  if (checks) {
    runtime_->wait(checks_, arrived->reached());
    of->check(*runtime_, checks_);
  }
  runtime_->then(last, [self = shared_from_this(), of = std::move(of), checks, arrived,
                        done = std::move(done)](bool passed) mutable {
    copy_result result{.error = passed ? copy_error::none : copy_error::failed};
    if (passed && checks) result = self->compare(*of);
    of.reset();  // gives the pages back before anybody hears of it
    arrived->end(result.error == copy_error::none);
    done(std::move(result));
  });
  return fence{arrived};
}

/// Null when there is no memory for it: a device that failed gives none.
std::shared_ptr<transfer> cuda_copies::core::prepare(std::vector<slice_copy> slices, bool packs_all) const {
  try {
    return std::make_shared<transfer>(std::move(slices), shape_, *rooms_, packs_all);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

copy_result cuda_copies::core::compare(const transfer& of) const {
  for (std::uint32_t i = 0; i < of.slices().size(); ++i) {
    auto wanted = of.slices()[i].checksum;
    if (!wanted && verify_) wanted = kv::checksum({of.in_host(i), of.packed(i).bytes});
    if (wanted && *wanted != of.checksum(i)) return {.error = copy_error::damaged, .index = i};
  }
  return {};
}

void cuda_copies::core::out(std::vector<slice_copy> slices, const fence& after, copied done) {
  auto of = prepare(std::move(slices), false);
  if (!of) return runtime_->then(saves_, [done = std::move(done)](bool) { done({.error = copy_error::failed}); });
  when(after, saves_, [self = shared_from_this(), of = std::move(of), done = std::move(done)](bool passed) mutable {
    if (passed) return self->enqueue_out(std::exchange(of, {}), done);
    of.reset();
    done({.error = copy_error::failed});
  });
}

/// The call takes `of` along: who holds it here may be slower than the device.
void cuda_copies::core::enqueue_out(std::shared_ptr<transfer> of, const copied& done) {
  for (std::size_t i = 0; i < of->slices().size(); ++i)
    if (of->stage(i)) pack(saves_, *of, i);
  of->check(*runtime_, saves_);
  runtime_->copy_many(saves_, of->direct(transfer::direction::out));
  runtime_->copy_many(saves_, of->staged(transfer::direction::out));
  runtime_->then(saves_, [self = shared_from_this(), of = std::move(of), done](bool passed) mutable {
    auto result = passed ? self->outcome(*of) : copy_result{.error = copy_error::failed};
    of.reset();
    done(std::move(result));
  });
}

copy_result cuda_copies::core::outcome(const transfer& of) const {
  copy_result result;
  for (std::uint32_t i = 0; i < of.slices().size(); ++i) {
    result.checksums.push_back(of.checksum(i));
    if (verify_ && kv::checksum({of.in_host(i), of.packed(i).bytes}) != result.checksums[i])
      return {.error = copy_error::damaged, .index = i};
  }
  return result;
}

fence cuda_copies::core::copy(kv::page_ref from, kv::page_ref to, std::uint32_t tokens, const fence& after) {
  slot_copy next{std::move(from), std::move(to), tokens};
  if (!after.passed() && !waits_in_device(after)) {
    auto ended = std::make_shared<fence_flag>();
    when(after, within_, [self = shared_from_this(), next = std::move(next), ended](bool passed) mutable {
      if (passed) return self->tell_copied(self->enqueue_slots(std::move(next)), ended);
      next = {};
      ended->end(false);
    });
    return fence{ended};
  }
  if (!after.passed()) runtime_->wait(within_, behind(after)->reached());
  auto now = enqueue_slots(std::move(next));
  auto ended = std::make_shared<device_fence>(events_->record(within_), !verify_);
  tell_copied(std::move(now), ended);
  return fence{ended};
}

cuda_copies::core::slots_on_their_way cuda_copies::core::enqueue_slots(slot_copy next) {
  for (std::uint32_t layer = 0; layer < shape_.layers; ++layer)
    runtime_->copy_rows(within_, kv::slice_of(next.to, shape_, layer).data(), shape_.head_bytes(),
                        kv::slice_of(next.from, shape_, layer).data(), shape_.head_bytes(),
                        next.tokens * shape_.token_bytes(), 2 * shape_.kv_heads);
  slots_on_their_way now{.what = std::move(next), .sides = {}};
  for (const auto& page : {now.what.from, now.what.to}) {
    if (!verify_) break;
    now.sides.push_back(prepare(all_layers(page, now.what.tokens), true));
    if (!now.sides.back()) break;
    for (std::size_t i = 0; i < now.sides.back()->slices().size(); ++i) pack(within_, *now.sides.back(), i);
    now.sides.back()->check(*runtime_, within_);
  }
  return now;
}

void cuda_copies::core::tell_copied(slots_on_their_way copy, std::shared_ptr<fence_flag> ended) {
  runtime_->then(within_, [copy = std::move(copy), ended = std::move(ended)](bool passed) mutable {
    passed = passed && are_equal(copy.sides);
    copy = {};
    ended->end(passed);
  });
}

std::vector<slice_copy> cuda_copies::core::all_layers(const kv::page_ref& page, std::uint32_t tokens) const {
  std::vector<slice_copy> slices;
  for (std::uint32_t layer = 0; layer < shape_.layers; ++layer)
    slices.push_back({.device = page, .layer = layer, .tokens = tokens, .host = {}, .checksum = {}});
  return slices;
}

cuda_copies::cuda_copies(std::shared_ptr<runtime> on, std::shared_ptr<event_pool> events, const kv::geometry& shape,
                         bool verify)
    : core_{std::make_shared<core>(std::move(on), std::move(events), shape, verify)} {}

cuda_copies::~cuda_copies() { core_->close(); }

fence cuda_copies::in(std::vector<slice_copy> slices, copied done) {
  return core_->in(std::move(slices), std::move(done));
}

void cuda_copies::out(std::vector<slice_copy> slices, fence after, copied done) {
  core_->out(std::move(slices), after, std::move(done));
}

fence cuda_copies::copy(kv::page_ref from, kv::page_ref to, std::uint32_t tokens, fence after) {
  return core_->copy(std::move(from), std::move(to), tokens, after);
}

}  // namespace chromatin::gpu::cuda

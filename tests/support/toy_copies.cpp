#include "tests/support/toy_copies.hpp"

#include <algorithm>

#include "tests/support/toy_backend.hpp"

namespace chromatin::test {
namespace {

using gpu::copy_error;
using gpu::copy_result;

/// Uses up one of `faults`, if there are any.
bool strikes(std::uint32_t& faults) { return faults > 0 && faults-- > 0; }

}  // namespace

toy_copies::toy_copies(const kv::geometry& shape, bool verify, toy_faults& faults)
    : faults_{faults}, mover_{shape, verify, [&faults](std::span<std::byte> written) {
                                if (strikes(faults.bytes_flip)) written[0] ^= std::byte{1};
                              }} {}

toy_copies::~toy_copies() {
  auto left = std::move(waiting_);
  for (auto& copy : left) copy.run(false);
}

copy_result toy_copies::move_in(const std::vector<gpu::slice_copy>& slices) {
  if (strikes(faults_.in_fails)) return {.error = copy_error::failed};
  for (std::uint32_t i = 0; i < slices.size(); ++i)
    if (auto error = mover_.in(slices[i]); error != copy_error::none) return {.error = error, .index = i};
  return {};
}

copy_result toy_copies::move_out(const std::vector<gpu::slice_copy>& slices) {
  if (strikes(faults_.out_fails)) return {.error = copy_error::failed};
  copy_result result;
  for (std::uint32_t i = 0; i < slices.size(); ++i)
    if (auto error = mover_.out(slices[i], result.checksums.emplace_back()); error != copy_error::none)
      return {.error = error, .index = i};
  return result;
}

gpu::fence toy_copies::in(std::vector<gpu::slice_copy> slices, copied done) {
  auto source = std::make_shared<gpu::fence_source>();
  auto fence = source->get();
  waiting_.push_back({{}, [this, slices = std::move(slices), done = std::move(done), source](bool alive) mutable {
                        auto result = alive ? move_in(slices) : copy_result{.error = copy_error::failed};
                        slices.clear();
                        result.error == copy_error::none ? source->pass() : source->fail();
                        done(std::move(result));
                      }});
  return fence;
}

void toy_copies::out(std::vector<gpu::slice_copy> slices, gpu::fence after, copied done) {
  auto run = [this, slices = std::move(slices), done = std::move(done), after](bool alive) mutable {
    auto result = alive && after.passed() ? move_out(slices) : copy_result{.error = copy_error::failed};
    slices.clear();
    done(std::move(result));
  };
  waiting_.push_back({std::move(after), std::move(run)});
}

gpu::fence toy_copies::copy(kv::page_ref from, kv::page_ref to, std::uint32_t tokens, gpu::fence after) {
  auto source = std::make_shared<gpu::fence_source>();
  auto fence = source->get();
  auto run = [this, from = std::move(from), to = std::move(to), tokens, after, source](bool alive) {
    bool right =
        alive && after.passed() && !strikes(faults_.copy_fails) && mover_.copy(from, to, tokens) == copy_error::none;
    right ? source->pass() : source->fail();
  };
  waiting_.push_back({std::move(after), std::move(run)});
  return fence;
}

std::size_t toy_copies::ready() const {
  return static_cast<std::size_t>(std::ranges::count_if(waiting_, [](const operation& o) { return o.after.over(); }));
}

void toy_copies::end(std::size_t number) {
  auto found = waiting_.begin();
  while (!found->after.over() || number-- > 0) ++found;
  auto next = std::move(*found);
  waiting_.erase(found);
  next.run(true);
}

}  // namespace chromatin::test

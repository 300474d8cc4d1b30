#include "kv/page.hpp"

#include <new>
#include <stdexcept>
#include <utility>

#include <sys/mman.h>

#include "kv/check.hpp"

namespace chromatin::kv {

page_ref::page_ref(const page_ref& other) noexcept : arena_{other.arena_}, index_{other.index_} {
  if (arena_) arena_->acquire(index_);
}

page_ref::page_ref(page_ref&& other) noexcept
    : arena_{std::exchange(other.arena_, nullptr)}, index_{std::exchange(other.index_, 0)} {}

page_ref& page_ref::operator=(page_ref other) noexcept {
  std::swap(arena_, other.arena_);
  std::swap(index_, other.index_);
  return *this;
}

page_ref::~page_ref() {
  if (arena_) arena_->release(index_);
}

std::span<std::byte> page_ref::writable() const noexcept {
  if (!arena_) return {};
  return arena_->memory().subspan(index_ * arena_->page_bytes(), arena_->page_bytes());
}

std::span<std::byte> slice_of(const page_ref& page, const geometry& shape, std::uint32_t layer) {
  auto [offset, bytes] = shape.slice(layer);
  return page.writable().subspan(offset, bytes);
}

std::span<std::byte> packed_slice_of(const page_ref& page, const geometry& shape, std::uint32_t layer,
                                     std::uint32_t tokens) {
  auto [offset, bytes] = shape.packed(layer, tokens);
  return page.writable().subspan(offset, bytes);
}

memory_block plain_memory(std::size_t size_bytes) {
  constexpr std::size_t huge_page_bytes = std::size_t{2} << 20, page_bytes = 4096;
  std::align_val_t alignment{size_bytes < huge_page_bytes ? page_bytes : huge_page_bytes};
  auto* data = static_cast<std::byte*>(::operator new(size_bytes, alignment));
  if (size_bytes >= huge_page_bytes) ::madvise(data, size_bytes / huge_page_bytes * huge_page_bytes, MADV_HUGEPAGE);
  auto release = [alignment](std::byte* p) { ::operator delete(p, alignment); };
  return {{data, release}, size_bytes};
}

std::shared_ptr<page_arena> page_arena::make(memory_block memory, std::size_t page_bytes) {
  if (page_bytes == 0 || page_bytes % 4096 != 0)
    throw std::invalid_argument("a page must be a positive multiple of 4 KiB");
  if (memory.size_bytes < page_bytes) throw std::invalid_argument("an arena must hold at least one page");
  return std::shared_ptr<page_arena>(new page_arena(std::move(memory), page_bytes));
}

page_arena::page_arena(memory_block memory, std::size_t page_bytes)
    : memory_{std::move(memory)}, page_bytes_{page_bytes}, counts_(memory_.size_bytes / page_bytes) {
  for (auto i = capacity(); i > 0; --i) free_.push_back(i - 1);
}

page_ref page_arena::try_allocate() {
  auto pages = try_allocate(1);
  return pages.empty() ? page_ref{} : std::move(pages.front());
}

std::vector<page_ref> page_arena::try_allocate(std::uint32_t count) {
  std::lock_guard lock{mutex_};
  if (free_.size() < count || count == 0) return {};
  if (free_.size() == capacity()) self_ = shared_from_this();
  std::vector<page_ref> pages;
  for (; pages.size() < count; free_.pop_back()) {
    counts_[free_.back()].store(1, std::memory_order_release);
    pages.push_back(page_ref{this, free_.back()});
  }
  return pages;
}

std::uint32_t page_arena::available() const {
  std::lock_guard lock{mutex_};
  return static_cast<std::uint32_t>(free_.size());
}

void page_arena::acquire(std::uint32_t index) noexcept {
  // Handles travel in messages of a library that a thread sanitizer does not look into. It sees this instead: who copies
  // a handle comes after those who copied it or gave theirs back before. On x86 it costs nothing.
  auto before = counts_[index].fetch_add(1, std::memory_order_acq_rel);
  CHROMATIN_CHECK(before > 0, "a free page has no handles to copy");
}

void page_arena::release(std::uint32_t index) noexcept {
  auto before = counts_[index].fetch_sub(1, std::memory_order_acq_rel);
  CHROMATIN_CHECK(before > 0, "a page is given back once");
  if (before != 1) return;
  std::shared_ptr<page_arena> last;  // may destroy the arena, after the lock is gone
  std::function<void()> call;
  {
    std::lock_guard lock{mutex_};
    free_.push_back(index);
    ++releases_;
    if (free_.size() == capacity()) last = std::move(self_);
    call = std::exchange(when_free_, nullptr);
  }
  if (call) call();
}

std::uint64_t page_arena::releases() const {
  std::lock_guard lock{mutex_};
  return releases_;
}

void page_arena::when_free(std::uint64_t seen, std::function<void()> call) {
  {
    std::lock_guard lock{mutex_};
    if (releases_ == seen) {
      when_free_ = std::move(call);
      return;
    }
    when_free_ = nullptr;
  }
  call();
}

}  // namespace chromatin::kv

#include "gpu/cuda/emulated/runtime_memory.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>

#include <sys/mman.h>

#include "kv/check.hpp"

namespace chromatin::gpu::cuda {

namespace {

constexpr std::size_t page_bytes = 4096;
constexpr int poison = 0xff;
/// Addresses only: the memory behind them was given back to the system.
constexpr std::size_t buried_bytes_max = std::size_t{1} << 30, buried_blocks_max = 4096;

std::size_t whole_pages(std::size_t bytes) { return (bytes + page_bytes - 1) / page_bytes * page_bytes; }

}  // namespace

emulated_memory::~emulated_memory() {
  for (const auto& old : buried_) ::munmap(old.data - page_bytes, old.mapped_bytes);
}

kv::memory_block emulated_memory::allocate(std::size_t bytes, place where) {
  std::lock_guard lock{mutex_};
  if (where == place::device && bytes > free_bytes_) throw std::bad_alloc();
  auto usable = whole_pages(std::max(bytes, std::size_t{1}));
  auto mapped = usable + 2 * page_bytes;
  void* start = ::mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) throw std::bad_alloc();
  auto* data = static_cast<std::byte*>(start) + page_bytes;
  if (::mprotect(data, usable, PROT_READ | PROT_WRITE) != 0) {
    ::munmap(start, mapped);
    throw std::bad_alloc();
  }
  std::memset(data, poison, usable);
  blocks_.emplace(data, std::make_shared<block>(block{where, data, bytes, mapped}));
  if (where == place::device) free_bytes_ -= bytes;
  auto give_back = [self = shared_from_this()](std::byte* p) { self->release(p); };
  return {{data, std::move(give_back)}, bytes};
}

void emulated_memory::release(std::byte* data) {
  std::lock_guard lock{mutex_};
  auto found = blocks_.find(data);
  CHROMATIN_CHECK(found != blocks_.end(), "memory is given back once");
  CHROMATIN_CHECK(found->second.use_count() == 1, "memory is not given back while an enqueued copy names it");
  const auto old = *found->second;
  auto untouched = [](std::byte b) { return b == std::byte{poison}; };
  CHROMATIN_CHECK(std::all_of(data + old.bytes, data + old.mapped_bytes - 2 * page_bytes, untouched),
                  "nothing is written behind the end of an allocation");
  blocks_.erase(found);
  if (old.where == place::device) free_bytes_ += old.bytes;
  bury(old);
}

void emulated_memory::bury(const block& old) {
  ::mprotect(old.data, old.mapped_bytes - 2 * page_bytes, PROT_NONE);
  ::madvise(old.data, old.mapped_bytes - 2 * page_bytes, MADV_DONTNEED);
  buried_.push_back(old);
  buried_bytes_ += old.mapped_bytes;
  while (buried_bytes_ > buried_bytes_max || buried_.size() > buried_blocks_max) {
    ::munmap(buried_.front().data - page_bytes, buried_.front().mapped_bytes);
    buried_bytes_ -= buried_.front().mapped_bytes;
    buried_.pop_front();
  }
}

std::size_t emulated_memory::free_bytes() const {
  std::lock_guard lock{mutex_};
  return free_bytes_;
}

std::size_t emulated_memory::device_blocks() const {
  std::lock_guard lock{mutex_};
  auto in_device = [](const auto& entry) { return entry.second->where == place::device; };
  return static_cast<std::size_t>(std::ranges::count_if(blocks_, in_device));
}

std::shared_ptr<const void> emulated_memory::use(const void* data, std::size_t bytes) const {
  const auto* first = static_cast<const std::byte*>(data);
  std::lock_guard lock{mutex_};
  auto after = blocks_.upper_bound(first);
  CHROMATIN_CHECK(after != blocks_.begin(), "a copy stays within memory of the device and pinned memory");
  const auto& found = std::prev(after)->second;
  CHROMATIN_CHECK(static_cast<std::size_t>(first - found->data) <= found->bytes &&
                      bytes <= found->bytes - static_cast<std::size_t>(first - found->data),
                  "a copy stays within memory of the device and pinned memory");
  return found;
}

}  // namespace chromatin::gpu::cuda

#pragma once

/// Vectors that begin at a cache line. What computes reads 64 bytes at a time, and from two lines each if they begin
/// elsewhere: products by tiles take twice as long then.

#include <cstddef>
#include <new>
#include <vector>

namespace chromatin::gpu {

template <class T>
struct line_allocator {
  using value_type = T;
  static constexpr std::align_val_t line{64};

  line_allocator() = default;
  template <class U>
  line_allocator(const line_allocator<U>&) noexcept {}
  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), line)); }
  void deallocate(T* data, std::size_t) noexcept { ::operator delete(data, line); }
  bool operator==(const line_allocator&) const = default;
};

template <class T>
using line_vector = std::vector<T, line_allocator<T>>;

}  // namespace chromatin::gpu

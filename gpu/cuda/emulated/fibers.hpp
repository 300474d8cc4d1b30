#pragma once

/// Fibers that switch to each other directly, with stacks that are made once and used for every kernel.

#include <boost/context/fiber.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace chromatin::gpu::cuda::emulated {

/// A piece of address space with pages around it that nobody may touch.
class guarded_memory {
 public:
  explicit guarded_memory(std::size_t bytes);
  ~guarded_memory();
  guarded_memory(const guarded_memory&) = delete;
  guarded_memory& operator=(const guarded_memory&) = delete;

  std::byte* begin() const { return begin_; }
  std::byte* end() const { return begin_ + bytes_; }  ///< the first byte of the page behind

 private:
  std::byte* begin_;
  std::size_t bytes_;
};

/// Not thread-safe; its fibers live on the thread that made it.
class fibers {
 public:
  /// `body(i)` is what fiber i does, again and again; each time it switches to another at its end.
  fibers(std::uint32_t most, std::function<void(std::uint32_t)> body);
  /// Every fiber is let go to its end.
  ~fibers();

  static constexpr std::uint32_t home = ~std::uint32_t{0};  ///< who switches to a fiber first

  /// Makes fibers 0 … count - 1, of `most`, unless they are there.
  void grow(std::uint32_t count);
  /// From one fiber (or home) to another; returns when somebody switches back. Inline: a processor guesses the returns
  /// after a switch wrongly, so there should be few.
  void switch_to(std::uint32_t next) {
    auto &here = at(running_), &there = at(next);
    running_ = next;
    came_from_ = &here;
    leave(here, there);
    auto from = std::move(there.fiber).resume();
    if (from) came_from_->fiber = std::move(from);
    arrived(here);
  }

 private:
  /// A place to go on: a fiber's or home's.
  struct place {
    boost::context::fiber fiber;
    std::unique_ptr<guarded_memory> stack;  ///< none of home's
    const void* bottom = nullptr;
    std::size_t bytes = 0;
    void* fake_stack = nullptr;  ///< AddressSanitizer's
    void* seen = nullptr;        ///< what it is to ThreadSanitizer
  };

  place& at(std::uint32_t i) { return i == home ? home_ : places_[i]; }
  void make(std::uint32_t i);
#if defined(__SANITIZE_ADDRESS__)
  static void leave(place& here, const place& there);
  void arrived(place& here);
#elif defined(CHROMATIN_SEES_RACES)
  static void leave(place& here, const place& there);
  void arrived(place&) {}
#else
  static void leave(place&, const place&) {}
  void arrived(place&) {}
#endif

  std::function<void(std::uint32_t)> body_;
  std::vector<place> places_;
  std::uint32_t made_ = 0;
  place home_;
  std::uint32_t running_ = home;
  place* came_from_ = nullptr;
  bool leaving_ = false;
};

}  // namespace chromatin::gpu::cuda::emulated

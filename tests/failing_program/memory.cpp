/// Allocations that fail: CHROMATIN_ALLOCATIONS_FAIL is "BYTES:N:SEED"; after a SIGUSR2 each allocation of so many
/// bytes or more fails once in N times, and says so.

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

#include <unistd.h>

namespace {

std::atomic<bool> armed{false};
std::atomic<std::uint64_t> dice{1};
std::size_t bytes_min = 0;
std::uint64_t one_in = 0;

[[gnu::constructor]] void read_environment() {
  const char* text = std::getenv("CHROMATIN_ALLOCATIONS_FAIL");
  unsigned long long bytes = 0, odds = 0, seed = 0;
  if (!text || std::sscanf(text, "%llu:%llu:%llu", &bytes, &odds, &seed) != 3) return;
  bytes_min = bytes, one_in = odds, dice = seed;
  std::signal(SIGUSR2, [](int) { armed = true; });
}

/// splitmix64
bool fails(std::size_t bytes) {
  if (!armed.load(std::memory_order_relaxed) || bytes < bytes_min) return false;
  auto z = dice.fetch_add(0x9e3779b97f4a7c15, std::memory_order_relaxed);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  if ((z ^ (z >> 31)) % one_in != 0) return false;
  char line[64];  // on the stack: nothing is allocated here
  auto length = std::snprintf(line, sizeof line, "an allocation of %zu bytes fails\n", bytes);
  return ::write(STDERR_FILENO, line, static_cast<std::size_t>(length)) > 0;
}

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (fails(bytes)) throw std::bad_alloc{};
  auto* memory = alignment <= alignof(std::max_align_t)
                     ? std::malloc(bytes > 0 ? bytes : 1)
                     : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (!memory) throw std::bad_alloc{};
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

#pragma once

/// What ThreadSanitizer is told of an emulated kernel, so that it finds the races of its threads: each fiber is a
/// thread to it, and only barriers order what they do, those of a block and those of a warp. Shuffles, votes and
/// products order nothing, as CUDA has it, though warps that run in step hide that. Without ThreadSanitizer nothing of
/// this is there.

#include <cstddef>

#if defined(CHROMATIN_SEES_RACES)
#include <sanitizer/tsan_interface.h>

extern "C" {
void __tsan_read16(void*);
void __tsan_write16(void*);
}

/// For what the emulation does on behalf of several threads, in files that are instrumented.
#define CHROMATIN_NOT_OF_THE_KERNEL __attribute__((no_sanitize("thread"), noinline))
#else
#define CHROMATIN_NOT_OF_THE_KERNEL
#endif

namespace chromatin::gpu::cuda::emulated {

#if defined(CHROMATIN_SEES_RACES)
inline constexpr bool sees_races = true;
inline void releases(const void* at) { __tsan_release(const_cast<void*>(at)); }
inline void acquires(const void* at) { __tsan_acquire(const_cast<void*>(at)); }
inline void reads_16(const void* at) { __tsan_read16(const_cast<void*>(at)); }
inline void writes_16(void* at) { __tsan_write16(at); }
#else
inline constexpr bool sees_races = false;
inline void releases(const void*) {}
inline void acquires(const void*) {}
inline void reads_16(const void*) {}
inline void writes_16(void*) {}
#endif

}  // namespace chromatin::gpu::cuda::emulated

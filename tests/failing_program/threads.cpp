/// Threads that are refused: with CHROMATIN_THREADS_MAX=N the process has at most N beside its first, as under a limit
/// of the system, which does not hold for root.

#ifndef __SANITIZE_THREAD__

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include <dlfcn.h>
#include <pthread.h>

namespace {

using body = void* (*)(void*);
using create = int (*)(pthread_t*, const pthread_attr_t*, body, void*);

std::atomic<long> running{0};

struct started {
  body run;
  void* argument;
};

void* run_and_leave(void* what) {
  std::unique_ptr<started> s{static_cast<started*>(what)};
  auto* result = s->run(s->argument);
  --running;
  return result;
}

}  // namespace

/// In place of the C library's, which it calls.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, body run, void* argument) {
  static const auto real = reinterpret_cast<create>(::dlsym(RTLD_NEXT, "pthread_create"));
  static const char* most = std::getenv("CHROMATIN_THREADS_MAX");
  if (++running > (most ? std::atol(most) : 1'000'000)) {
    --running;
    return EAGAIN;
  }
  auto what = std::make_unique<started>(started{run, argument});
  auto error = real(thread, attributes, run_and_leave, what.get());
  error == 0 ? void(what.release()) : void(--running);
  return error;
}

#endif

#include "actors/gentle.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kv/check.hpp"

namespace chromatin {
namespace {

using std::chrono::nanoseconds;

constexpr int gentlest = 19;
constexpr nanoseconds stint = std::chrono::microseconds{100}, rest = stint;
/// On a machine without an idle moment a sleeper waits long for its next stint. That is then longer, so that it gets a
/// share of the time, if a small one.
constexpr int share_of_time = 8;

/// Of a thread; what the signal's handler sees.
struct stint_state {
  ::timer_t timer{};
  nanoseconds slept_at{0};  // when it last lay down
  nanoseconds computed{0};  // what it had computed by then
  volatile bool on = false;
};
constinit thread_local stint_state mine;

nanoseconds read(::clockid_t clock) {
  ::timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::seconds{now.tv_sec} + nanoseconds{now.tv_nsec};
}

void interrupt_in(nanoseconds time) {
  const ::itimerspec once{{}, {0, time.count()}};
  ::timer_settime(mine.timer, 0, &once, nullptr);
}

void note_pause() {
  mine.slept_at = read(CLOCK_MONOTONIC);
  mine.computed = read(CLOCK_THREAD_CPUTIME_ID);
}

/// Nothing but system calls: what was interrupted may hold any lock.
void on_timer(int) {
  if (!mine.on) return;
  const int error = errno;
  const auto length = std::max(stint, (read(CLOCK_MONOTONIC) - mine.slept_at) / share_of_time);
  const auto worked = read(CLOCK_THREAD_CPUTIME_ID) - mine.computed;
  if (worked >= length) {
    note_pause();
    const ::timespec a_while{0, rest.count()};
    ::nanosleep(&a_while, nullptr);
    interrupt_in(stint);
  } else {  // others had the processor meanwhile
    interrupt_in(std::min(length - worked, stint));
  }
  errno = error;
}

}  // namespace

void be_gentle() {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), gentlest);
  const ::sched_param none{};
  ::sched_setscheduler(0, SCHED_IDLE, &none);
}

bool short_stints::here() { return mine.on; }

short_stints::short_stints() {
  CHROMATIN_CHECK(!here(), "a thread has one timer");
  const int signal = SIGRTMIN;
  struct sigaction action {};
  action.sa_handler = on_timer;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
  ::sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  ::sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = signal;
  event._sigev_un._tid = ::gettid();                                      // this glibc has no other name for it
  if (::timer_create(CLOCK_MONOTONIC, &event, &mine.timer) != 0) return;  // it works on, without rests
  mine.on = true;
  note_pause();
  interrupt_in(stint);
}

short_stints::~short_stints() {
  if (!mine.on) return;
  mine.on = false;  // a signal may be on its way
  ::timer_delete(mine.timer);
}

}  // namespace chromatin

#include "apps/chat/interrupts.hpp"

#include <cerrno>
#include <csignal>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace chromatin::chat {
namespace {

volatile int write_end = -1;
struct sigaction before;

void on_interrupt(int) {
  auto kept = errno;
  [[maybe_unused]] auto written = ::write(write_end, "c", 1);
  errno = kept;
}

}  // namespace

interrupts::interrupts() {
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "no pipe for ^C");
  read_end_ = ends[0];
  write_end = ends[1];
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, &before);
}

interrupts::~interrupts() {
  ::sigaction(SIGINT, &before, nullptr);
  ::close(read_end_);
  ::close(write_end);
}

}  // namespace chromatin::chat

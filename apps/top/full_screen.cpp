#include "apps/top/full_screen.hpp"

#include <cerrno>
#include <csignal>

#include <fmt/core.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace chromatin::top {
namespace {

constexpr char control_c = 3, control_d = 4;

termios as_it_was;
volatile std::sig_atomic_t ended = 0;

void on_end(int) { ended = 1; }
void on_resize(int) {}

/// Without SA_RESTART: what waits is woken.
void handle(int signal, void (*by)(int)) {
  struct sigaction action {};
  action.sa_handler = by;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

full_screen::full_screen() {
  ::tcgetattr(STDIN_FILENO, &as_it_was);
  auto raw = as_it_was;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) handle(signal, on_end);
  handle(SIGWINCH, on_resize);
  fmt::print("\033[?1049h\033[?25l");  // another page, no cursor
  std::fflush(stdout);
}

full_screen::~full_screen() {
  fmt::print("\033[?25h\033[?1049l");
  std::fflush(stdout);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &as_it_was);
}

screen full_screen::size() const {
  winsize window{};
  screen s{.colours = true};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 && window.ws_row > 0) {
    s.columns = window.ws_col;
    s.rows = window.ws_row - 1u;  // the last line stays empty: a line end there would scroll
  }
  return s;
}

void full_screen::show(const std::string& frame) {
  fmt::print("\033[H\033[J{}", frame);
  std::fflush(stdout);
}

bool full_screen::wait(std::chrono::milliseconds time) {
  using clock = std::chrono::steady_clock;
  for (auto end = clock::now() + time; ended == 0;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock::now()).count();
    if (left <= 0) return true;
    pollfd keys{STDIN_FILENO, POLLIN, 0};
    auto there = ::poll(&keys, 1, static_cast<int>(left));
    if (there < 0 && errno == EINTR) return ended == 0;
    if (there <= 0) continue;
    char key = 0;
    if (::read(STDIN_FILENO, &key, 1) != 1) return false;
    if (key == 'q' || key == 'Q' || key == control_c || key == control_d) return false;
  }
  return false;
}

}  // namespace chromatin::top

#pragma once

/// The real binary in a terminal of its own, which a test types into and looks at.

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <pty.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

namespace chromatin::test {

class pty_process {
 public:
  explicit pty_process(const std::vector<std::string>& arguments, unsigned short columns = 100) {
    std::vector<std::string> words{CHROMATIN_BINARY};
    words.insert(words.end(), arguments.begin(), arguments.end());
    winsize window{24, columns, 0, 0};
    pid_ = ::forkpty(&terminal_, nullptr, nullptr, &window);
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setenv("TERM", "xterm", 1);
    std::vector<char*> argv;
    for (auto& w : words) argv.push_back(w.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ~pty_process() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait_for_end();
    }
    ::close(terminal_);
  }
  pty_process(const pty_process&) = delete;
  pty_process& operator=(const pty_process&) = delete;

  void type(const std::string& keys) const {
    for (std::size_t at = 0; at < keys.size();) {
      auto written = ::write(terminal_, keys.data() + at, keys.size() - at);
      if (written <= 0) return;
      at += static_cast<std::size_t>(written);
    }
  }
  /// Reads on until `text` comes, behind what was found before; false if it does not.
  bool sees(const std::string& text) {
    do {
      if (auto found = shown_.find(text, seen_); found != shown_.npos) {
        seen_ = found + text.size();
        return true;
      }
    } while (read_more());
    return false;
  }
  /// Wait until the program edits a line, which it reads key after key, and until it does not; false if it never does.
  bool edits() const { return waits_for_lines(false); }
  bool edits_no_more() const { return waits_for_lines(true); }
  /// The exit status, or -1 if it ended otherwise, or did not.
  int wait_for_end() {
    while (read_more()) {
    }
    if (!ended_ && pid_ > 0) ::kill(pid_, SIGKILL);
    if (pid_ > 0) ::waitpid(pid_, &status_, 0);
    pid_ = 0;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
  }
  const std::string& shown() const { return shown_; }

 private:
  bool waits_for_lines(bool whole_ones) const {
    for (int i = 0; i < 3000; ++i) {
      termios now{};
      if (::tcgetattr(terminal_, &now) == 0 && ((now.c_lflag & ICANON) != 0) == whole_ones) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return false;
  }
  /// False when nothing comes any more, or for very long.
  bool read_more() {
    pollfd there{terminal_, POLLIN, 0};
    if (::poll(&there, 1, 30'000) <= 0) return false;
    char bytes[4096];
    auto got = ::read(terminal_, bytes, sizeof bytes);
    if (got <= 0) {  // EIO: the program ended
      ended_ = true;
      return false;
    }
    shown_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  int terminal_ = -1;
  pid_t pid_ = 0;
  int status_ = 0;
  bool ended_ = false;
  std::string shown_;
  std::size_t seen_ = 0;
};

}  // namespace chromatin::test

#pragma once

/// The real binary as a process of its own, with its log and its exit status.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chromatin::test {

/// A server process of its own.
class server_process {
 public:
  explicit server_process(const std::filesystem::path& folder, std::vector<std::string> more = {},
                          const std::string& binary = CHROMATIN_BINARY)
      : log_{folder / "log"}, address_{"unix:" + (folder / "socket").string()} {
    std::vector<std::string> words{binary, "serve", "--socket", (folder / "socket").string()};
    auto add_default = [&](const std::string& option, const std::string& value) {
      if (std::find(more.begin(), more.end(), option) == more.end()) words.insert(words.end(), {option, value});
    };
    add_default("--disk-size", "64M");
    add_default("--http", "off");
    add_default("--device-mem", "8M");
    add_default("--host-mem", "8M");
    add_default("--disk", (folder / "store").string());
    words.insert(words.end(), more.begin(), more.end());
    std::filesystem::remove(log_);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves no server behind
      [[maybe_unused]] auto* redirected = std::freopen(log_.c_str(), "w", stderr);
      std::vector<char*> argv;
      for (auto& w : words) argv.push_back(w.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    for (int i = 0; i < 3000 && !exited() && log().find("listening") == std::string::npos; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  ~server_process() { stop(SIGKILL); }

  void signal(int number) const { ::kill(pid_, number); }
  int stop(int number) {
    if (pid_ <= 0) return status_;
    ::kill(pid_, number);
    ::waitpid(pid_, &status_, 0);
    pid_ = 0;
    return status_;
  }
  /// Waits for the process to end by itself; its status, or -1 if it does not.
  int wait_for_end() {
    for (int i = 0; i < 6000 && !exited(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{10});
    return pid_ == 0 ? status_ : -1;
  }
  bool exited() {
    if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = 0;
    return pid_ == 0;
  }
  int status() const { return status_; }
  pid_t pid() const { return pid_; }
  std::string log() const {
    std::stringstream text;
    text << std::ifstream{log_}.rdbuf();
    return text.str();
  }
  const std::string& address() const { return address_; }

 private:
  std::filesystem::path log_;
  std::string address_;
  pid_t pid_ = 0;
  int status_ = 0;
};

}  // namespace chromatin::test

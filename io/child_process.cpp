#include "io/child_process.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chromatin::io {

child_process::child_process(std::vector<std::string> words, std::filesystem::path log) : log_{std::move(log)} {
  std::vector<char*> arguments;
  for (auto& w : words) arguments.push_back(w.data());
  arguments.push_back(nullptr);
  std::filesystem::remove(log_);  // else the words of one before would be taken for this one's
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error(words.at(0) + ": cannot be started");
  if (pid_ > 0) return;
  // Other threads may have held locks: only system calls from here on.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  int out = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

void child_process::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

int child_process::stop(int number) {
  if (pid_ <= 0) return status_;
  signal(number);
  ::waitpid(pid_, &status_, 0);
  pid_ = 0;
  return status_;
}

bool child_process::ended() {
  if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = 0;
  return pid_ == 0;
}

std::uint64_t child_process::resident_bytes() const {
  std::ifstream in{"/proc/" + std::to_string(pid_) + "/statm"};
  std::uint64_t size = 0, resident = 0;
  in >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string child_process::said() const {
  std::stringstream text;
  text << std::ifstream{log_}.rdbuf();
  return text.str();
}

std::optional<std::string> child_process::wait_for(std::string_view mark, std::chrono::seconds within) {
  constexpr auto look_again = std::chrono::milliseconds{5};
  for (auto give_up = std::chrono::steady_clock::now() + within; std::chrono::steady_clock::now() < give_up;) {
    bool over = ended();
    auto text = said();
    auto at = text.find(mark);
    auto end = at == std::string::npos ? at : text.find('\n', at);
    if (end != std::string::npos) return text.substr(at + mark.size(), end - at - mark.size());
    if (over) break;
    std::this_thread::sleep_for(look_again);
  }
  return {};
}

}  // namespace chromatin::io

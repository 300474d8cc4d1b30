#include "bench/served/child.hpp"

#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chromatin::bench {
namespace {

constexpr auto look_again = std::chrono::milliseconds{5};

std::vector<std::string> serve_words(const std::vector<std::string>& options) {
  std::vector<std::string> words{"/proc/self/exe", "serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"};
  words.insert(words.end(), options.begin(), options.end());
  return words;
}

}  // namespace

child_process::child_process(std::vector<std::string> words, std::filesystem::path log) : log_{std::move(log)} {
  std::vector<char*> argv;
  for (auto& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  std::filesystem::remove(log_);  // else the words of one before would be taken for this one's
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error(words[0] + ": cannot be started");
  if (pid_ > 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigset_t none;  // measurements wait for signals in a thread of their own: the child takes them as usual
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  int out = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

child_process::~child_process() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
}

bool child_process::ended() {
  if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
  return pid_ == 0;
}

std::string child_process::said() const {
  std::stringstream text;
  text << std::ifstream{log_}.rdbuf();
  return text.str();
}

std::string child_process::wait_for(const std::string& mark) {
  while (true) {
    bool over = ended();
    auto text = said();
    auto at = text.find(mark);
    auto end = at == text.npos ? at : text.find('\n', at);
    if (end != text.npos) return text.substr(at + mark.size(), end - at - mark.size());
    if (over) throw std::runtime_error("a server ended at its start: " + text);
    std::this_thread::sleep_for(look_again);
  }
}

own_server::own_server(const std::filesystem::path& folder, const std::vector<std::string>& options)
    : process_{serve_words(options), folder / "log"},
      rpc_{process_.wait_for("listening on ")},
      http_{process_.wait_for("OpenAI's interface on http://")} {
  http_.erase(http_.find('/'));
}

}  // namespace chromatin::bench

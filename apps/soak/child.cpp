#include "apps/soak/child.hpp"

#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chromatin::soak {
namespace {

constexpr auto start_within = std::chrono::seconds{300};

std::string content_of(const std::filesystem::path& file) {
  std::stringstream text;
  text << std::ifstream{file}.rdbuf();
  return text.str();
}

}  // namespace

child_server::~child_server() { stop(SIGKILL); }

bool child_server::start(const std::vector<std::string>& arguments) {
  auto log = (folder_ / "log").string(), socket = (folder_ / "socket").string(), disk = store().string();
  std::vector<std::string> words{"chromatin", "serve", "--http", "off", "--socket", socket, "--disk", disk};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;  // signals that the soak's threads have blocked reach the server
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  int error = ::posix_spawn(&pid_, "/proc/self/exe", &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) throw std::runtime_error("the soak's server cannot be started");
  auto give_up = std::chrono::steady_clock::now() + start_within;
  while (content_of(log).find("listening on") == std::string::npos) {
    if (ended()) return false;
    if (std::chrono::steady_clock::now() > give_up) throw std::runtime_error("the soak's server does not start");
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  return true;
}

int child_server::stop(int number) {
  if (pid_ <= 0) return status_;
  ::kill(pid_, number);
  ::waitpid(pid_, &status_, 0);
  pid_ = 0;
  return status_;
}

bool child_server::ended() {
  if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = 0;
  return pid_ == 0;
}

std::uint64_t child_server::resident_bytes() const {
  std::ifstream in{"/proc/" + std::to_string(pid_) + "/statm"};
  std::uint64_t size = 0, resident = 0;
  in >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string child_server::last_words() const {
  std::istringstream all{content_of(folder_ / "log")};
  std::string last, bad;
  for (std::string line; std::getline(all, line); last = line)
    if (line.starts_with("chromatin: ") || line.find("check failed") != std::string::npos) bad = line;
  return bad.empty() ? last : bad;
}

}  // namespace chromatin::soak

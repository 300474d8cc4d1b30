#pragma once

/// The real binary as a process of its own, with its log and its exit status.

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>

#include "io/child_process.hpp"

namespace chromatin::test {

/// `chromatin serve` with little memory on a socket in `folder`; killed when this goes. Its constructor waits until it
/// listens or has ended.
class server_process : public io::child_process {
 public:
  explicit server_process(const std::filesystem::path& folder, const std::vector<std::string>& more = {},
                          const std::string& binary = CHROMATIN_BINARY)
      : child_process{words(folder, more, binary), folder / "log"}, address_{"unix:" + (folder / "socket").string()} {
    wait_for("listening", std::chrono::seconds{30});
  }

  /// Waits for the process to end by itself; its status, or -1 if it does not.
  int wait_for_end() {
    auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes{1};
    while (!ended() && std::chrono::steady_clock::now() < give_up)
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    return ended() ? status() : -1;
  }
  const std::string& address() const { return address_; }

 private:
  static std::vector<std::string> words(const std::filesystem::path& folder, const std::vector<std::string>& more,
                                        const std::string& binary) {
    std::vector<std::string> all{binary, "serve", "--socket", (folder / "socket").string()};
    auto add_default = [&](const std::string& option, const std::string& value) {
      if (std::ranges::find(more, option) == more.end()) all.insert(all.end(), {option, value});
    };
    add_default("--disk-size", "64M");
    add_default("--http", "off");
    add_default("--device-mem", "8M");
    add_default("--host-mem", "8M");
    add_default("--disk", (folder / "store").string());
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  std::string address_;
};

}  // namespace chromatin::test

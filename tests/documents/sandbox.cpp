#include "tests/documents/sandbox.hpp"

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "io/free_ports.hpp"

namespace chromatin::test {
namespace {

namespace fs = std::filesystem;
const fs::path source = CHROMATIN_SOURCE_DIR;

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

std::string first_lines(const fs::path& file, int count) {
  std::ifstream in{file};
  std::string all;
  for (std::string line; count-- > 0 && std::getline(in, line);) all += line + '\n';
  return all;
}

}  // namespace

sandbox::sandbox() {
  auto ports = io::free_ports(2);
  http_port_ = ports[0];
  rpc_port_ = ports[1];
  fs::create_directories(folder_ / "state");
  fs::create_directories(folder_ / "here/build/release/apps");
  fs::create_symlink(source / "tests/documents/bin/chromatin", folder_ / "here/build/release/apps/chromatin");
  for (auto folder : {"assets", "bench"}) fs::create_symlink(source / folder, folder_ / "here" / folder);
  fs::create_symlink(source / "assets/concierge", folder_ / "here/DIR");
  write("YOUR.jsonl", first_lines(source / "assets/conversations/sgd-sample.jsonl", 2));
}

sandbox::~sandbox() {
  auto state = folder_ / "state";
  pid_t pid = 0;
  if (!(std::ifstream{state / "pid"} >> pid) || pid <= 0) return;
  ::kill(pid, SIGTERM);
  for (int i = 0; i < 1000 && !fs::exists(state / "ended"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
}

void sandbox::write(const std::string& file, const std::string& text) const {
  std::ofstream{folder_ / "here" / file} << with_own_ports(text);
}

std::string sandbox::with_own_ports(std::string text) const {
  replace_all(text, "8080", std::to_string(http_port_));
  replace_all(text, "7411", std::to_string(rpc_port_));
  return text;
}

outcome sandbox::run(const std::string& commands) const {
  auto script = folder_ / "state/script";
  std::ofstream{script} << "set -euo pipefail\n"
                        << "cd '" << (folder_ / "here").string() << "'\n"
                        << "export STATE='" << (folder_ / "state").string() << "' CHROMATIN='" << CHROMATIN_BINARY
                        << "'\n"
                        << "export HTTP_PORT=" << http_port_ << " RPC_PORT=" << rpc_port_ << "\n"
                        << "export PATH='" << (source / "tests/documents/bin").string() << "':$PATH\n"
                        << with_own_ports(commands);
  return shell("timeout 100 bash '" + script.string() + "' 2>&1 < /dev/null");
}

}  // namespace chromatin::test

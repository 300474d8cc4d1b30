#include "apps/soak/child.hpp"

#include <sstream>
#include <stdexcept>

namespace chromatin::soak {

bool child_server::start(const std::vector<std::string>& arguments) {
  std::vector<std::string> words{
      "/proc/self/exe", "serve",         "--http", "off", "--socket", (folder_ / "socket").string(),
      "--disk",         store().string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  process_.emplace(std::move(words), folder_ / "log");
  if (process_->wait_for("listening on", std::chrono::minutes{5})) return true;
  if (!process_->ended()) throw std::runtime_error("the soak's server does not start");
  return false;
}

std::string child_server::last_words() const {
  std::istringstream all{process_->said()};
  std::string last, bad;
  for (std::string line; std::getline(all, line); last = line)
    if (line.starts_with("chromatin: ") || line.find("check failed") != std::string::npos) bad = line;
  return bad.empty() ? last : bad;
}

}  // namespace chromatin::soak

#include "apps/soak/ground.hpp"

#include <algorithm>

namespace chromatin::soak {
namespace {

constexpr std::size_t failures_max = 20, board_max = 8;

}  // namespace

void ground::stop() {
  {
    std::lock_guard lock{mutex_};
    stopped_ = true;
    closed_ = false;
  }
  changed_.notify_all();
}

void ground::close_gate() {
  std::unique_lock lock{mutex_};
  closed_ = true;
  changed_.wait(lock, [this] { return waiting_ == tenants.size() || stopped_; });
}

void ground::open_gate() {
  {
    std::lock_guard lock{mutex_};
    closed_ = false;
  }
  changed_.notify_all();
}

void ground::pass_gate() {
  std::unique_lock lock{mutex_};
  ++waiting_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !closed_; });
  --waiting_;
}

void ground::count(const std::string& what, std::int64_t times) {
  std::lock_guard lock{mutex_};
  counts_[what] += times;
}

void ground::fail(const std::string& what) {
  if (what.empty()) return;
  std::lock_guard lock{mutex_};
  if (failures_.size() < failures_max) failures_.push_back(what);
}

std::map<std::string, std::int64_t> ground::counts() const {
  std::lock_guard lock{mutex_};
  return counts_;
}

std::vector<std::string> ground::failures() const {
  std::lock_guard lock{mutex_};
  return failures_;
}

void ground::call_begins(std::size_t user) {
  std::lock_guard lock{mutex_};
  calls_[user] = clock::now();
}

void ground::call_ends(std::size_t user) {
  std::lock_guard lock{mutex_};
  calls_.erase(user);
}

std::chrono::milliseconds ground::longest_wait() const {
  std::lock_guard lock{mutex_};
  auto now = clock::now();
  auto first = now;
  for (const auto& [user, begin] : calls_) first = std::min(first, begin);
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - first);
}

void ground::post(const std::string& tenant, const std::string& text) {
  std::lock_guard lock{mutex_};
  if (board_.size() >= board_max) board_.erase(board_.begin());
  board_.push_back({text, {tenant}});
}

std::string ground::take(const std::string& tenant) {
  std::lock_guard lock{mutex_};
  for (auto& p : board_)
    if (p.known_to.insert(tenant).second) return p.text;
  return {};
}

}  // namespace chromatin::soak

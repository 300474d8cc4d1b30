#include "io/progress.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace chromatin::io {
namespace {

constexpr auto silent_for = std::chrono::seconds{2};
constexpr auto between = std::chrono::milliseconds{200};
/// A line that wraps cannot be taken away again.
constexpr std::size_t width_max = 78;

bool error_output_is_a_terminal() { return ::isatty(STDERR_FILENO) == 1; }

}  // namespace

std::string progress_text(std::string_view what, std::uint64_t done, std::uint64_t all, double elapsed_s) {
  auto rate = static_cast<double>(done) / std::max(elapsed_s, 1e-3);
  auto speed = rate >= 10 ? fmt::format("{:.0f} a second", rate) : fmt::format("{:.1f} a second", rate);
  if (all == 0) return fmt::format("{}: {}, {}", what, done, speed);
  auto text = fmt::format("{}: {} of {}, {}", what, done, all, speed);
  if (done > 0 && done < all) text += fmt::format(", {:.0f} s to go", static_cast<double>(all - done) / rate);
  return text;
}

progress_line::progress_line(std::string what)
    : what_{std::move(what)}, next_{begin_ + silent_for}, terminal_{error_output_is_a_terminal()} {}

bool progress_line::due() {
  if (!terminal_) return false;
  auto now = clock::now();
  if (now < next_) return false;
  next_ = now + between;
  return true;
}

void progress_line::show(std::uint64_t done, std::uint64_t all) {
  if (due()) write(progress_text(what_, done, all, std::chrono::duration<double>(clock::now() - begin_).count()));
}

void progress_line::show(const std::string& what, std::uint64_t done, std::uint64_t all) {
  if (what != what_) {
    what_ = what;
    begin_ = clock::now();
  }
  show(done, all);
}

void progress_line::say(std::string_view text) {
  if (due()) write(fmt::format("{}: {}", what_, text));
}

void progress_line::write(std::string_view text) {
  fmt::print(stderr, "\r{}\033[K\r", text.substr(0, width_max));  // what is printed next stands in its place
  std::fflush(stderr);
  written_ = true;
}

void progress_line::take_away() {
  if (!std::exchange(written_, false)) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
}

waiting_line::waiting_line(std::string what) : line_{std::move(what)} {
  if (error_output_is_a_terminal()) thread_ = std::thread{[this] { run(); }};
}

waiting_line::~waiting_line() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock{mutex_};
    over_ = true;
  }
  ended_.notify_one();
  thread_.join();
}

void waiting_line::run() {
  std::unique_lock lock{mutex_};
  for (int seconds = 1; !ended_.wait_for(lock, std::chrono::seconds{1}, [this] { return over_; }); ++seconds)
    line_.say(fmt::format("{} s", seconds));
}

}  // namespace chromatin::io

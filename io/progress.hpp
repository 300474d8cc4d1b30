#pragma once

/// What a terminal shows of long work: one line, from its third second on, that goes away at the end. Nothing where the
/// error output is no terminal.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace chromatin::io {

/// "what: 30 of 120, 5.0 a second, 18 s to go"; `all` 0: nobody knows. Pure.
std::string progress_text(std::string_view what, std::uint64_t done, std::uint64_t all, double elapsed_s);

/// For work that knows how far it is. One thread at a time.
class progress_line {
 public:
  explicit progress_line(std::string what = {});
  ~progress_line() { take_away(); }
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;

  /// Cheap enough for an inner loop: writes five times a second at most.
  void show(std::uint64_t done, std::uint64_t all = 0);
  /// The same of work that has several parts.
  void show(const std::string& what, std::uint64_t done, std::uint64_t all);
  void say(std::string_view text);
  /// For who has a line of its own to print in between.
  void take_away();

 private:
  using clock = std::chrono::steady_clock;
  bool due();
  void write(std::string_view text);

  std::string what_;
  clock::time_point begin_ = clock::now(), next_;
  bool terminal_, written_ = false;
};

/// For work that does not know: the seconds go by, in a thread of their own, while this lives.
class waiting_line {
 public:
  explicit waiting_line(std::string what);
  ~waiting_line();
  waiting_line(const waiting_line&) = delete;
  waiting_line& operator=(const waiting_line&) = delete;

 private:
  void run();

  progress_line line_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  std::thread thread_;  ///< none where there is no terminal
};

/// What `work` gives, with the seconds that go by.
template <class Work>
auto waiting(std::string what, Work work) {
  waiting_line line{std::move(what)};
  return work();
}

}  // namespace chromatin::io

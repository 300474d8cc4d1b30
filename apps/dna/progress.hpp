#pragma once

#include <cstdio>
#include <string>

#include <unistd.h>

namespace chromatin::dna {

/// A line on a terminal that says how far long work is; silent where the error output is none.
class progress_line {
 public:
  explicit progress_line(std::string what) : what_{std::move(what)}, shown_{::isatty(2) == 1} {}
  ~progress_line() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;

  void show(std::size_t done, std::size_t all) {
    if (shown_) std::fprintf(stderr, "\r%s: %zu of %zu", what_.c_str(), done, all);
  }
  /// Where nobody knows how much there is.
  void show(std::size_t done) {
    if (shown_) std::fprintf(stderr, "\r%s: %zu", what_.c_str(), done);
  }

 private:
  std::string what_;
  bool shown_;
};

}  // namespace chromatin::dna

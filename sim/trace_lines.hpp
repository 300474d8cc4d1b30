#pragma once

/// A text line by line, with what a message about a line needs.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace chromatin::sim {

class trace_lines {
 public:
  trace_lines(std::string_view text, std::string name) : rest_{text}, name_{std::move(name)} {}

  /// The next line that is not empty, without its end.
  bool next(std::string_view& line) {
    while (!rest_.empty()) {
      auto end = rest_.find('\n');
      line = rest_.substr(0, end);
      rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
      ++number_;
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.find_first_not_of(" \t") != std::string_view::npos) return true;
    }
    return false;
  }

  /// The line is not earlier than the one before it.
  void must_follow(std::int64_t time, const std::string& sorted_by) {
    if (time < before_) fail("is earlier than the line before it: sort the file by " + sorted_by);
    before_ = time;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error(name_ + ", line " + std::to_string(number_) + ": " + what);
  }

 private:
  std::string_view rest_;
  std::string name_;
  std::size_t number_ = 0;
  std::int64_t before_ = 0;
};

/// What a trace's numbers may be at most: more is a mistake, and sums of them stay far from an overflow.
inline constexpr std::int64_t tokens_max = 1 << 26, seconds_max = std::int64_t{1} << 32;

}  // namespace chromatin::sim

#pragma once

/// What fuzzers make of their bytes.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/temporary_folder.hpp"

namespace chromatin::fuzz {

/// Ends the program where something must hold.
inline void must(bool holds) {
  if (!holds) std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Takes values off the front; zeros and nothing behind the end.
class input {
 public:
  input(const std::uint8_t* data, std::size_t size) : left_{data, size} {}

  bool empty() const { return left_.empty(); }
  template <class T>
  T number() {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value |= std::uint64_t{take_byte()} << 8 * i;
    return static_cast<T>(value);
  }
  /// A length in a byte, and so many bytes.
  std::string text() {
    std::size_t length = take_byte();
    length = std::min(length, left_.size());
    std::string result{reinterpret_cast<const char*>(left_.data()), length};
    left_ = left_.subspan(length);
    return result;
  }
  std::string rest() { return {reinterpret_cast<const char*>(left_.data()), left_.size()}; }

 private:
  std::uint8_t take_byte() {
    if (left_.empty()) return 0;
    auto byte = left_[0];
    left_ = left_.subspan(1);
    return byte;
  }

  std::span<const std::uint8_t> left_;
};

/// Files of a folder in one input: a line "=== NAME" before each.
inline void write_files(const std::filesystem::path& folder, std::string_view all) {
  constexpr std::string_view mark = "=== ";
  while (all.starts_with(mark)) {
    auto name_end = std::min(all.find('\n'), all.size());
    std::string name{all.substr(mark.size(), name_end - mark.size())};
    all.remove_prefix(std::min(name_end + 1, all.size()));
    auto end = all.find("\n=== ");
    auto content = all.substr(0, end == std::string_view::npos ? all.size() : end + 1);
    all.remove_prefix(content.size());
    if (name.empty() || name.find('/') != std::string::npos || name.find('\0') != std::string::npos ||
        name.starts_with('.') || name.size() > 64)
      continue;
    std::ofstream{folder / name, std::ios::binary} << content;
  }
}

inline void write_file(const std::filesystem::path& file, std::string_view content) {
  std::ofstream{file, std::ios::binary} << content;
}

}  // namespace chromatin::fuzz

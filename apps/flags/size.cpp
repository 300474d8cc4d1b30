#include "apps/flags/size.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

namespace chromatin {
namespace {

constexpr std::uint64_t size_bytes_max = std::uint64_t{1} << 62;

[[noreturn]] void refuse(std::string_view text, const char* why) {
  throw std::invalid_argument(
      fmt::format("\"{}\" {}; a size is a number and a unit, such as 65536, 64M or 1.5G", text, why));
}

std::string_view take_digits(std::string_view& text) {
  auto digits = text.substr(0, std::min(text.find_first_not_of("0123456789"), text.size()));
  text.remove_prefix(digits.size());
  return digits;
}

/// The power of 1024 that a unit stands for; -1 if it is none.
int power_of(std::string_view unit) {
  std::string lower;
  for (char c : unit) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (lower.empty() || lower == "b") return 0;
  auto power = std::string_view{"kmgtp"}.find(lower.front());
  auto rest = std::string_view{lower}.substr(1);
  return power == std::string_view::npos || !(rest.empty() || rest == "b" || rest == "ib")
             ? -1
             : static_cast<int>(power) + 1;
}

}  // namespace

std::uint64_t parse_size(std::string_view text) {
  auto rest = text;
  auto whole = take_digits(rest);
  std::string_view fraction;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    fraction = take_digits(rest);
    if (fraction.empty()) refuse(text, "is not a size");
  }
  if (whole.empty()) refuse(text, text.starts_with('-') ? "is negative" : "is not a size");
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  int power = power_of(rest);
  if (power < 0) refuse(text, "is not a size");
  if (power == 0 && !fraction.empty()) refuse(text, "is no whole number of bytes");

  std::uint64_t unit = std::uint64_t{1} << (10 * power), bytes = 0;
  for (char c : whole) {
    auto digit = static_cast<std::uint64_t>(c - '0');
    if (bytes > (size_bytes_max / unit - digit) / 10) refuse(text, "is more than any machine has");
    bytes = bytes * 10 + digit;
  }
  bytes *= unit;
  auto part = static_cast<long double>(unit);
  long double sum = 0;
  for (char digit : fraction) sum += (part /= 10) * static_cast<long double>(digit - '0');
  return bytes + static_cast<std::uint64_t>(std::floor(sum + 1e-6L));
}

std::string size_text(std::uint64_t bytes) {
  std::size_t power = 0;
  constexpr std::string_view units = "KMGTP";
  for (; power < units.size() && bytes > 0 && bytes % 1024 == 0; ++power) bytes /= 1024;
  return std::to_string(bytes) + std::string{power > 0 ? units.substr(power - 1, 1) : ""};
}

std::string bytes_text(double bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.size(); ++unit) bytes /= 1024;
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, units[unit]);
}

}  // namespace chromatin

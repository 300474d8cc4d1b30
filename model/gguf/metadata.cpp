#include "model/gguf/metadata.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "model/load_error.hpp"

namespace chromatin::model::gguf {
namespace {

template <class T>
T load(std::span<const std::byte> bytes) {
  T result;
  std::memcpy(&result, bytes.data(), sizeof result);
  return result;
}

bool is_whole(value_type type) {
  return type != value_type::f32 && type != value_type::f64 && type != value_type::boolean &&
         type != value_type::text && type != value_type::array;
}

/// Larger ones are the largest there is: nothing here may be that large.
std::int64_t whole(value_type type, std::span<const std::byte> bytes) {
  switch (type) {
    case value_type::u8:
      return load<std::uint8_t>(bytes);
    case value_type::i8:
      return load<std::int8_t>(bytes);
    case value_type::u16:
      return load<std::uint16_t>(bytes);
    case value_type::i16:
      return load<std::int16_t>(bytes);
    case value_type::u32:
      return load<std::uint32_t>(bytes);
    case value_type::i32:
      return load<std::int32_t>(bytes);
    case value_type::i64:
      return load<std::int64_t>(bytes);
    default:
      return static_cast<std::int64_t>(
          std::min<std::uint64_t>(load<std::uint64_t>(bytes), std::numeric_limits<std::int64_t>::max()));
  }
}

std::string_view take_text(std::span<const std::byte>& bytes) {
  auto size = load<std::uint64_t>(bytes);
  std::string_view text{reinterpret_cast<const char*>(bytes.data()) + sizeof size, size};
  bytes = bytes.subspan(sizeof size + size);
  return text;
}

}  // namespace

std::size_t element_bytes(value_type type) {
  switch (type) {
    case value_type::u8:
    case value_type::i8:
    case value_type::boolean:
      return 1;
    case value_type::u16:
    case value_type::i16:
      return 2;
    case value_type::u32:
    case value_type::i32:
    case value_type::f32:
      return 4;
    case value_type::u64:
    case value_type::i64:
    case value_type::f64:
      return 8;
    default:
      return 0;
  }
}

void metadata::refuse(std::string_view key, std::string_view what) const {
  throw load_error(fmt::format("{}: \"{}\" {}", where_, key, what));
}

const value& metadata::find(std::string_view key) const {
  auto found = values_.find(key);
  if (found == values_.end()) refuse(key, "is missing");
  return found->second;
}

const value& metadata::find_one(std::string_view key) const {
  const auto& v = find(key);
  if (v.list) refuse(key, "must be one value, not a list");
  return v;
}

const value& metadata::find_list(std::string_view key) const {
  const auto& v = find(key);
  if (!v.list) refuse(key, "must be a list");
  return v;
}

std::string metadata::text(std::string_view key) const {
  const auto& v = find_one(key);
  if (v.type != value_type::text) refuse(key, "must be a text");
  auto rest = v.bytes;
  return std::string{take_text(rest)};
}

std::string metadata::text(std::string_view key, std::string_view fallback) const {
  return has(key) ? text(key) : std::string{fallback};
}

bool metadata::flag(std::string_view key, bool fallback) const {
  if (!has(key)) return fallback;
  const auto& v = find_one(key);
  if (v.type != value_type::boolean) refuse(key, "must be true or false");
  return load<std::uint8_t>(v.bytes) != 0;
}

std::uint32_t metadata::number(std::string_view key, std::uint32_t min, std::uint32_t max,
                               std::optional<std::uint32_t> fallback) const {
  if (fallback && !has(key)) return *fallback;
  const auto& v = find_one(key);
  auto n = is_whole(v.type) ? whole(v.type, v.bytes) : -1;
  if (n < min || n > max) refuse(key, fmt::format("must be a whole number from {} to {}", min, max));
  return static_cast<std::uint32_t>(n);
}

double metadata::real(std::string_view key, std::optional<double> fallback) const {
  if (fallback && !has(key)) return *fallback;
  const auto& v = find_one(key);
  auto result = std::numeric_limits<double>::quiet_NaN();
  if (v.type == value_type::f32) result = load<float>(v.bytes);
  if (v.type == value_type::f64) result = load<double>(v.bytes);
  if (is_whole(v.type)) result = static_cast<double>(whole(v.type, v.bytes));
  if (!std::isfinite(result)) refuse(key, "must be a number");
  return result;
}

std::vector<std::string_view> metadata::texts(std::string_view key) const {
  const auto& v = find_list(key);
  if (v.type != value_type::text) refuse(key, "must be a list of texts");
  std::vector<std::string_view> all;
  all.reserve(v.count);
  for (auto rest = v.bytes; all.size() < v.count;) all.push_back(take_text(rest));
  return all;
}

std::vector<std::int64_t> metadata::numbers(std::string_view key) const {
  const auto& v = find_list(key);
  if (!is_whole(v.type)) refuse(key, "must be a list of whole numbers");
  auto size = element_bytes(v.type);
  std::vector<std::int64_t> all(v.count);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = whole(v.type, v.bytes.subspan(i * size, size));
  return all;
}

std::vector<float> metadata::reals(std::string_view key) const {
  const auto& v = find_list(key);
  if (v.type != value_type::f32) refuse(key, "must be a list of numbers (f32)");
  std::vector<float> all(v.count);
  if (!all.empty()) std::memcpy(all.data(), v.bytes.data(), v.bytes.size());
  return all;
}

std::string metadata::shown(std::string_view key) const {
  constexpr std::size_t text_bytes_max = 60;
  const auto& v = find(key);
  if (v.list) return fmt::format("a list of {}", v.count);
  if (v.type == value_type::boolean) return load<std::uint8_t>(v.bytes) ? "true" : "false";
  if (v.type == value_type::f32) return fmt::format("{}", load<float>(v.bytes));
  if (v.type == value_type::f64) return fmt::format("{}", load<double>(v.bytes));
  if (v.type != value_type::text) return fmt::format("{}", whole(v.type, v.bytes));
  auto all = text(key);
  return all.size() <= text_bytes_max ? fmt::format("\"{}\"", all)
                                      : fmt::format("\"{}...\"", all.substr(0, text_bytes_max - 3));
}

}  // namespace chromatin::model::gguf

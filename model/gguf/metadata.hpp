#pragma once

/// What a GGUF file says about itself: keys with typed values. Views of the mapped file, nothing is copied before it is
/// asked for.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chromatin::model::gguf {

/// As the format numbers them.
enum class value_type : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, array, u64, i64, f64 };

struct value {
  value_type type = value_type::u8;       ///< of a list: of its elements
  bool list = false;                      ///< never a list of lists
  std::uint64_t count = 1;                ///< of elements
  std::span<const std::byte> bytes = {};  ///< of all elements; each text has its length in front
};

/// Errors name the file and the key. Valid as long as the file's bytes.
class metadata {
 public:
  explicit metadata(std::string where) : where_{std::move(where)} {}

  /// False if the key is there already.
  bool add(std::string_view key, const value& v) { return values_.emplace(key, v).second; }

  const std::string& where() const { return where_; }
  const std::map<std::string, value, std::less<>>& all() const { return values_; }
  bool has(std::string_view key) const { return values_.contains(key); }
  /// Throws load_error.
  [[noreturn]] void refuse(std::string_view key, std::string_view what) const;

  // One value of the key; without a fallback the key must be there. They throw load_error.
  std::string text(std::string_view key) const;
  std::string text(std::string_view key, std::string_view fallback) const;
  bool flag(std::string_view key, bool fallback) const;
  /// A whole number from `min` to `max`.
  std::uint32_t number(std::string_view key, std::uint32_t min, std::uint32_t max,
                       std::optional<std::uint32_t> fallback = {}) const;
  /// A finite number.
  double real(std::string_view key, std::optional<double> fallback = {}) const;

  // All of a list. They throw load_error, also where one value stands there alone.
  std::vector<std::string_view> texts(std::string_view key) const;
  std::vector<std::int64_t> numbers(std::string_view key) const;
  std::vector<float> reals(std::string_view key) const;

  /// For people: the value, cut where it is long.
  std::string shown(std::string_view key) const;

 private:
  const value& find(std::string_view key) const;
  const value& find_one(std::string_view key) const;
  const value& find_list(std::string_view key) const;

  std::string where_;
  std::map<std::string, value, std::less<>> values_;
};

/// Bytes of one element; 0: not a fixed number, or not a type.
std::size_t element_bytes(value_type type);

}  // namespace chromatin::model::gguf

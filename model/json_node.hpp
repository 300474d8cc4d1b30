#pragma once

/// Reading a checkpoint's JSON files: every error names the file and the key.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace chromatin::model {

/// A value and where it stands: the file, then the keys that lead to it. A key whose value is null counts as absent,
/// everywhere. Everything that refuses throws load_error. Valid as long as the document it came from.
struct json_node {
  const nlohmann::json& value;
  std::string where;
  std::set<std::string, std::less<>>* asked = nullptr;  ///< where to note the keys that somebody asks for

  [[noreturn]] void refuse(std::string_view what) const;

  bool has(std::string_view key) const;
  /// There, and null: for keys whose absence means something else.
  bool is_null(std::string_view key) const;
  /// The value of a key that must be there.
  json_node at(std::string_view key) const;
  bool flag(std::string_view key, bool fallback) const;
  std::string text(std::string_view key) const;
  std::string text(std::string_view key, std::string_view fallback) const;
  const nlohmann::json& list(std::string_view key) const;
  /// A whole number from `min` to `max`; without a fallback the key must be there.
  std::uint32_t number(std::string_view key, std::uint32_t min, std::uint32_t max,
                       std::optional<std::uint32_t> fallback = {}) const;
  float real(std::string_view key, float min, float max, std::optional<float> fallback = {}) const;

  /// Refuses keys that are not named.
  void only(std::span<const std::string_view> keys) const;
  void only(std::initializer_list<std::string_view> keys) const { only(std::span{keys.begin(), keys.size()}); }
  /// Refuses a value other than those named, which change nothing; `way_out` ends the error.
  void must_be(std::string_view key, std::initializer_list<nlohmann::json> neutral, std::string_view way_out) const;
};

/// For errors: the value, cut where it is long.
std::string shown(const nlohmann::json& value);

/// A file that holds a JSON object.
nlohmann::json parse_json_object(std::string_view text, const std::string& where);

}  // namespace chromatin::model

#include "model/json_node.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/load_error.hpp"

namespace chromatin::model {

using nlohmann::json;

void json_node::refuse(std::string_view what) const { throw load_error(fmt::format("{}: {}", where, what)); }

bool json_node::has(std::string_view key) const {
  if (asked) asked->emplace(key);
  auto found = value.find(key);
  return found != value.end() && !found->is_null();
}

bool json_node::is_null(std::string_view key) const {
  auto found = value.find(key);
  return found != value.end() && found->is_null();
}

json_node json_node::at(std::string_view key) const {
  if (!has(key)) refuse(fmt::format("\"{}\" is missing", key));
  return {*value.find(key), fmt::format("{}: {}", where, key)};
}

bool json_node::flag(std::string_view key, bool fallback) const {
  if (!has(key)) return fallback;
  const auto& found = *value.find(key);
  if (!found.is_boolean()) refuse(fmt::format("\"{}\" must be true or false", key));
  return found.get<bool>();
}

std::string json_node::text(std::string_view key) const {
  const auto& found = at(key).value;
  if (!found.is_string()) refuse(fmt::format("\"{}\" must be a text", key));
  return found.get<std::string>();
}

std::string json_node::text(std::string_view key, std::string_view fallback) const {
  return has(key) ? text(key) : std::string{fallback};
}

const json& json_node::list(std::string_view key) const {
  const auto& found = at(key).value;
  if (!found.is_array()) refuse(fmt::format("\"{}\" must be a list", key));
  return found;
}

std::uint32_t json_node::number(std::string_view key, std::uint32_t min, std::uint32_t max,
                                std::optional<std::uint32_t> fallback) const {
  if (fallback && !has(key)) return *fallback;
  const auto& found = at(key).value;
  if (!found.is_number_integer() || found < min || found > max)
    refuse(fmt::format("\"{}\" must be a whole number from {} to {}", key, min, max));
  return found.get<std::uint32_t>();
}

float json_node::real(std::string_view key, float min, float max, std::optional<float> fallback) const {
  if (fallback && !has(key)) return *fallback;
  const auto& found = at(key).value;
  if (!found.is_number() || !(found.get<float>() >= min && found.get<float>() <= max))
    refuse(fmt::format("\"{}\" must be a number from {} to {}", key, min, max));
  return found.get<float>();
}

void json_node::only(std::span<const std::string_view> keys) const {
  if (!value.is_object()) refuse("must be an object");
  for (const auto& [key, member] : value.items())
    if (!member.is_null() && std::find(keys.begin(), keys.end(), key) == keys.end())
      refuse(fmt::format("\"{}\" is not known", key));
}

void json_node::must_be(std::string_view key, std::initializer_list<json> neutral, std::string_view way_out) const {
  if (!has(key)) return;
  const auto& found = *value.find(key);
  if (std::find(neutral.begin(), neutral.end(), found) != neutral.end()) return;
  refuse(fmt::format("\"{}\": {} is not supported{}", key, shown(found), way_out));
}

std::string shown(const json& value) {
  auto text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

json parse_json_object(std::string_view text, const std::string& where) {
  auto parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object()) throw load_error(fmt::format("{}: not a JSON object", where));
  return parsed;
}

}  // namespace chromatin::model

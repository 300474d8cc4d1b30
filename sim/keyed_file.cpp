#include "sim/keyed_file.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace chromatin::sim {
namespace {

toml::table parse(const std::filesystem::path& file) {
  if (!std::filesystem::is_regular_file(file))
    throw std::runtime_error(fmt::format("{}: there is no such file", file.string()));
  try {
    return toml::parse_file(file.string());
  } catch (const toml::parse_error& e) {
    throw std::runtime_error(fmt::format("{}, line {}: {}", file.string(), e.source().begin.line, e.description()));
  }
}

const keyed_number* find(std::span<const keyed_number> keys, std::string_view key) {
  auto found = std::find_if(keys.begin(), keys.end(), [&](const auto& k) { return k.key == key; });
  return found == keys.end() ? nullptr : &*found;
}

std::string known_in(std::span<const keyed_number> keys, std::string_view table) {
  std::vector<std::string_view> names;
  for (const auto& k : keys)
    if (auto dot = k.key.find('.'); k.key.substr(0, dot) == table) names.push_back(k.key.substr(dot + 1));
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Puts a value where it belongs. `where` begins the complaint.
void put(const keyed_number& k, std::optional<double> number, std::optional<bool> flag, const std::string& where) {
  if (k.flag) {
    if (!flag) throw std::runtime_error(fmt::format("{}: {} must be true or false", where, k.key));
    *k.flag = *flag;
    return;
  }
  if (!number || flag || !(*number >= k.min && *number <= k.max))
    throw std::runtime_error(fmt::format("{}: {} must be a number from {} to {}", where, k.key, k.min, k.max));
  *k.number = *number;
}

void check_table(const toml::table& table, std::string_view name, std::span<const keyed_number> keys,
                 std::vector<std::string_view>& seen, const std::string& file) {
  for (const auto& [key, node] : table) {
    auto where = fmt::format("{}, line {}", file, node.source().begin.line);
    const auto* k = find(keys, fmt::format("{}.{}", name, key.str()));
    if (!k)
      throw std::runtime_error(
          fmt::format("{}: there is no key {} in [{}]; there are {}", where, key.str(), name, known_in(keys, name)));
    std::optional<bool> flag;
    if (node.is_boolean()) flag = node.value<bool>();
    put(*k, node.is_number() ? node.value<double>() : std::nullopt, flag, where);
    seen.push_back(k->key);
  }
}

}  // namespace

change parse_change(const std::string& text) {
  auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw std::runtime_error(fmt::format("--set {}: must be a key and its value, as in --set host.gb=64", text));
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::vector<std::string> names_of(std::span<const keyed_number> keys) {
  std::vector<std::string> names;
  for (const auto& k : keys) names.emplace_back(k.key);
  return names;
}

std::vector<std::string_view> make_changes(std::span<const keyed_number> keys, const changes& with) {
  std::vector<std::string_view> seen;
  for (const auto& c : with) {
    const auto* k = find(keys, c.key);
    if (!k) continue;
    double number = 0;
    auto [end, error] = std::from_chars(c.value.data(), c.value.data() + c.value.size(), number);
    bool whole = error == std::errc{} && end == c.value.data() + c.value.size() && std::isfinite(number);
    auto flag = c.value == "true" ? std::optional{true} : c.value == "false" ? std::optional{false} : std::nullopt;
    put(*k, whole ? std::optional{number} : std::nullopt, flag, fmt::format("--set {}={}", c.key, c.value));
    seen.push_back(k->key);
  }
  return seen;
}

std::string read_keys(const std::filesystem::path& file, std::span<const keyed_number> keys, const changes& with) {
  auto name = file.string();
  auto root = parse(file);
  std::vector<std::string_view> seen;
  for (const auto& [key, node] : root) {
    if (key.str() == "name" && node.is_string()) continue;
    const auto* table = node.as_table();
    if (!table || known_in(keys, key.str()).empty())
      throw std::runtime_error(
          fmt::format("{}, line {}: {} is not known here; there are name = \"…\" and the tables that {} has", name,
                      node.source().begin.line, key.str(), "assets/machines or assets/workloads"));
    check_table(*table, key.str(), keys, seen, name);
  }
  for (auto key : make_changes(keys, with)) seen.push_back(key);
  for (const auto& k : keys)
    if (k.needed && std::find(seen.begin(), seen.end(), k.key) == seen.end())
      throw std::runtime_error(fmt::format("{}: {} is missing; it is a {} from {} to {}", name, k.key,
                                           k.flag ? "switch" : "number", k.min, k.max));
  return root["name"].value<std::string>().value_or(file.stem().string());
}

}  // namespace chromatin::sim

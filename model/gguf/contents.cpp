#include "model/gguf/contents.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "model/gguf/file.hpp"
#include "model/load_error.hpp"

namespace chromatin::model::gguf {
namespace {

constexpr std::uint32_t parts_max = 9999;
constexpr std::string_view ending = ".gguf";

std::string part_name(const std::string& name, std::uint32_t number, std::uint32_t count) {
  return fmt::format("{}-{:05}-of-{:05}{}", name, number, count, ending);
}

/// The name before `-00002-of-00003.gguf`, and 3.
std::pair<std::string, std::uint32_t> split_name(const std::string& file) {
  constexpr std::size_t tail = std::string_view{"-00002-of-00003.gguf"}.size();
  if (file.size() <= tail) return {};
  auto name = file.substr(0, file.size() - tail), numbers = file.substr(file.size() - tail);
  auto number = static_cast<std::uint32_t>(std::strtoul(numbers.c_str() + 1, nullptr, 10));
  auto count = static_cast<std::uint32_t>(std::strtoul(numbers.c_str() + 10, nullptr, 10));
  if (number == 0 || number > count || count > parts_max || part_name(name, number, count) != file) return {};
  return {name, count};
}

void check_part(const metadata& values, std::uint32_t number, std::uint32_t count) {
  if (auto found = values.number("split.count", 0, parts_max, 0); found != count && !(count == 1 && found == 0))
    values.refuse("split.count", fmt::format("is {}, where the file's name says {}", found, count));
  if (count == 1) return;
  if (auto found = values.number("split.no", 0, parts_max); found != number)
    values.refuse("split.no", fmt::format("is {}, where the file's name says {}", found, number));
}

}  // namespace

std::vector<std::filesystem::path> split_paths(const std::filesystem::path& part) {
  std::vector<std::filesystem::path> all;
  auto [name, count] = split_name(part.filename().string());
  for (std::uint32_t i = 1; i <= count; ++i) all.push_back(part.parent_path() / part_name(name, i, count));
  return all;
}

std::vector<std::filesystem::path> paths_of(const std::filesystem::path& file) {
  auto all = split_paths(file);
  if (all.empty()) all.push_back(file);
  return all;
}

contents contents::open(const std::filesystem::path& path) {
  auto paths = paths_of(path);
  contents all{.paths = paths, .files = {}, .values = metadata{path.string()}, .tensors = {}};
  auto count = static_cast<std::uint32_t>(paths.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!std::filesystem::exists(paths[i]))
      throw load_error(fmt::format("{}: no such file, and the model was split into {}; is the download complete?",
                                   paths[i].string(), count));
    auto where = paths[i].string();
    auto parsed = parse(all.files.emplace_back(paths[i]).bytes(), where);
    check_part(parsed.values, i, count);
    if (i == 0) all.values = std::move(parsed.values);
    for (auto& [name, t] : parsed.tensors)
      if (!all.tensors.emplace(name, std::move(t)).second)
        throw load_error(fmt::format("{}: tensor {} is in a file before this one, too", where, name));
  }
  constexpr auto tensors_key = "split.tensors.count";
  if (auto& v = all.values; v.has(tensors_key) && v.number(tensors_key, 0, ~0u) != all.tensors.size())
    v.refuse(tensors_key,
             fmt::format("is {}, and the files have {} tensors", v.shown(tensors_key), all.tensors.size()));
  return all;
}

}  // namespace chromatin::model::gguf

#include "model/shards.hpp"

#include <algorithm>
#include <set>
#include <span>

#include <fmt/format.h>

#include "model/json_node.hpp"
#include "model/load_error.hpp"

namespace chromatin::model {

shard_index read_shard_index(const std::filesystem::path& folder) {
  auto single = folder / "model.safetensors", file = folder / "model.safetensors.index.json";
  if (std::filesystem::exists(single)) return {.where = folder.string(), .files = {single}, .file_of = {}, .hash = {}};
  if (!std::filesystem::exists(file))
    throw load_error(
        fmt::format("{}: neither model.safetensors nor model.safetensors.index.json is there", folder.string()));
  auto text = read_file(file);
  auto parsed = parse_json_object(text, file.string());
  auto map = json_node{parsed, file.string()}.at("weight_map");
  if (!map.value.is_object()) map.refuse("must be an object");
  std::map<std::string, std::string> named;
  std::set<std::filesystem::path> files;
  for (const auto& [name, shard] : map.value.items()) {
    if (shard.is_null()) continue;
    auto is_name = [](const std::string& n) {
      return !n.empty() && n != "." && n != ".." && n.find('/') == std::string::npos;
    };
    if (!shard.is_string() || !is_name(shard.get<std::string>()))
      map.refuse(fmt::format("the file of {} must be a name in this folder", name));
    named[name] = shard.get<std::string>();
    files.insert(folder / named[name]);
  }
  shard_index index{.where = file.string(),
                    .files = {files.begin(), files.end()},
                    .file_of = {},
                    .hash = kv::hash(std::as_bytes(std::span{text}))};
  for (const auto& [name, shard] : named) {
    auto at = std::lower_bound(index.files.begin(), index.files.end(), folder / shard);
    index.file_of[name] = static_cast<std::size_t>(at - index.files.begin());
  }
  return index;
}

const tensor& shard_index::find(std::string_view name, const std::vector<shard_tensors>& shards) const {
  if (auto named = file_of.find(name); named != file_of.end()) {
    const auto& shard = shards[named->second];
    if (auto found = shard.find(name); found != shard.end()) return found->second;
    throw load_error(fmt::format("{}: tensor {} is not in {}, which \"weight_map\" names; is the download complete?",
                                 where, name, files[named->second].filename().string()));
  }
  const tensor* only = nullptr;
  for (const auto& shard : shards)
    if (auto found = shard.find(name); found != shard.end()) {
      if (only)
        throw load_error(
            fmt::format("{}: \"weight_map\" does not name tensor {}, which several files have", where, name));
      only = &found->second;
    }
  if (!only) throw load_error(fmt::format("{}: tensor {} is missing", where, name));
  return *only;
}

}  // namespace chromatin::model

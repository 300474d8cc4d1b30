#include "model/model_source.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/config.hpp"
#include "model/gguf/contents.hpp"
#include "model/load_error.hpp"
#include "model/ollama.hpp"

namespace chromatin::model {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view ollama_prefix = "ollama:", cache_prefix = "models--";

std::string last_name(const fs::path& path) {
  auto full = fs::absolute(path).lexically_normal();
  return (full.has_filename() ? full.filename() : full.parent_path().filename()).string();
}

/// Names of what is in a folder, sorted; of many the first ones.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string listed(std::vector<std::string> names) {
  constexpr std::size_t shown_max = 8;
  if (names.empty()) return "nothing";
  auto more = names.size() - std::min(names.size(), shown_max);
  names.resize(names.size() - more);
  return fmt::format("{}{}", fmt::join(names, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
}

/// The GGUF models in a folder, each by its first file. Projectors of pictures are none.
std::vector<std::string> gguf_models(const std::vector<std::string>& names) {
  std::vector<std::string> models;
  for (const auto& name : names) {
    if (!name.ends_with(".gguf") || name.starts_with("mmproj")) continue;
    auto parts = gguf::split_paths(name);
    if (parts.empty() || parts[0] == name) models.push_back(name);
  }
  return models;
}

model_source of_folder(const fs::path& folder, const std::string& name) {
  std::error_code error;
  if (fs::exists(folder / "config.json", error)) return {folder, name};
  auto names = names_in(folder);
  auto models = gguf_models(names);
  if (models.size() == 1) return {folder / models[0], name};
  if (models.size() > 1)
    throw load_error(
        fmt::format("{}: has several models: {}; name one of these files", folder.string(), listed(models)));
  throw load_error(
      fmt::format("{}: neither config.json nor a GGUF file is there, but {}; a model is a Hugging Face "
                  "checkpoint folder or a GGUF file",
                  folder.string(), listed(names)));
}

/// `models--org--name` as "name".
model_source of_cache(const fs::path& folder) {
  std::error_code error;
  auto snapshots = folder / "snapshots";
  auto all = names_in(snapshots);
  std::string chosen;
  if (auto main = folder / "refs/main"; fs::exists(main, error)) {
    chosen = read_file(main);
    chosen.erase(chosen.find_last_not_of(" \r\n") + 1);
    if (std::find(all.begin(), all.end(), chosen) == all.end())
      throw load_error(fmt::format("{}: names a snapshot that is not in {}; is the download complete?", main.string(),
                                   snapshots.string()));
  } else if (all.size() == 1) {
    chosen = all[0];
  } else {
    throw load_error(fmt::format("{}: no refs/main says which of these snapshots it is: {}; name the folder of one",
                                 folder.string(), listed(all)));
  }
  auto name = last_name(folder);
  return of_folder(snapshots / chosen, name.substr(name.rfind("--") + 2));
}

bool has_gguf_mark(const fs::path& file) {
  std::error_code error;
  if (fs::file_size(file, error) < 4 || error) return false;
  mapped_file mapped{file};
  auto bytes = mapped.bytes();
  return bytes[0] == std::byte{'G'} && bytes[1] == std::byte{'G'} && bytes[2] == std::byte{'U'} &&
         bytes[3] == std::byte{'F'};
}

model_source of_file(const fs::path& file) {
  if (has_gguf_mark(file) || file.extension() == ".gguf") {
    auto name = file.stem().string();
    if (auto parts = gguf::split_paths(file); !parts.empty())
      name.resize(name.size() - std::string_view{"-00001-of-00001"}.size());
    return {file, name};
  }
  if (auto blob = read_ollama_manifest(file)) {
    auto name = file.parent_path().filename().string(), tag = file.filename().string();
    return {*blob, tag == "latest" ? name : fmt::format("{}:{}", name, tag)};
  }
  auto name = file.filename().string();
  if (name == "config.json" || name.ends_with(".safetensors"))
    throw load_error(fmt::format("{}: a file of a checkpoint; a model is the folder that it is in", file.string()));
  throw load_error(
      fmt::format("{}: neither a GGUF file nor a manifest of Ollama's; a model is a Hugging Face checkpoint folder or "
                  "a GGUF file",
                  file.string()));
}

}  // namespace

bool model_source::is_gguf() const { return !std::filesystem::is_directory(path); }

model_source find_model(const std::filesystem::path& what) {
  std::error_code error;
  if (auto text = what.string(); text.starts_with(ollama_prefix) && !fs::exists(what, error))
    return of_file(find_ollama_manifest(std::string_view{text}.substr(ollama_prefix.size())));
  if (!fs::exists(what, error))
    throw load_error(fmt::format(
        "{}: no such folder or file; a model is a Hugging Face checkpoint folder or a GGUF file", what.string()));
  if (!fs::is_directory(what, error)) return of_file(what);
  if (last_name(what).starts_with(cache_prefix) && fs::is_directory(what / "snapshots", error)) return of_cache(what);
  return of_folder(what, last_name(what));
}

}  // namespace chromatin::model

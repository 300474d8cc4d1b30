#include "model/ollama.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/config.hpp"
#include "model/json_node.hpp"
#include "model/load_error.hpp"

namespace chromatin::model {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t manifest_bytes_max = 1u << 20;
constexpr std::string_view layer_kind = "application/vnd.ollama.image.";

/// "sha256:0123…" as the file that has it.
std::string blob_name(const json_node& layer) {
  auto digest = layer.text("digest");
  constexpr std::string_view begin = "sha256:";
  bool hash = digest.size() == begin.size() + 64 && digest.starts_with(begin) &&
              digest.find_first_not_of("0123456789abcdef", begin.size()) == digest.npos;
  if (!hash) layer.refuse("\"digest\" is not a SHA-256 hash");
  digest.replace(begin.size() - 1, 1, "-");
  return digest;
}

/// The folder `blobs` beside the `manifests` that a manifest is in.
fs::path blobs_beside(const fs::path& manifest) {
  for (auto at = fs::absolute(manifest).lexically_normal().parent_path(); at.has_relative_path(); at = at.parent_path())
    if (at.filename() == "manifests") return at.parent_path() / "blobs";
  throw load_error(
      fmt::format("{}: a manifest of Ollama's, but not inside its folder manifests; give its path there, or "
                  "the GGUF file itself",
                  manifest.string()));
}

std::vector<fs::path> stores() {
  std::vector<fs::path> all;
  if (const char* given = std::getenv("OLLAMA_MODELS"); given && *given) all.emplace_back(given);
  if (const char* home = std::getenv("HOME"); home && *home) all.push_back(fs::path{home} / ".ollama/models");
  all.emplace_back("/usr/share/ollama/.ollama/models");
  all.emplace_back("/var/lib/ollama/models");
  return all;
}

/// Below a store's `manifests`. Empty for what is no name.
fs::path manifest_path(std::string_view name) {
  auto slash = name.rfind('/'), colon = name.find(':', slash == name.npos ? 0 : slash);
  std::string tag{colon == name.npos ? "latest" : name.substr(colon + 1)};
  fs::path path{std::string{name.substr(0, colon)}};
  auto parts = std::distance(path.begin(), path.end());
  bool plain =
      !path.empty() && path.is_relative() && !tag.empty() && tag.find('/') == tag.npos && tag != ".." &&
      std::none_of(path.begin(), path.end(), [](const fs::path& p) { return p == ".." || p == "." || p.empty(); });
  if (!plain || parts > 3) return {};
  if (parts == 1) path = "library" / path;
  if (parts <= 2) path = "registry.ollama.ai" / path;
  return path / tag;
}

}  // namespace

std::optional<fs::path> read_ollama_manifest(const fs::path& manifest) {
  std::error_code error;
  if (auto size = fs::file_size(manifest, error); error || size > manifest_bytes_max) return std::nullopt;
  auto text = read_file(manifest);
  if (auto begin = text.find_first_not_of(" \t\r\n"); begin == text.npos || text[begin] != '{') return std::nullopt;
  auto parsed = parse_json_object(text, manifest.string());
  json_node in{parsed, manifest.string()};
  if (!in.has("layers")) return std::nullopt;
  std::vector<std::string> models;
  for (const auto& entry : in.list("layers")) {
    json_node layer{entry, in.where + ": layers"};
    if (!entry.is_object()) layer.refuse("must be a list of objects");
    auto type = layer.text("mediaType", "");
    if (type == fmt::format("{}adapter", layer_kind))
      layer.refuse("has an adapter, which is not supported; merge it into the model's weights");
    if (type == fmt::format("{}model", layer_kind)) models.push_back(blob_name(layer));
  }
  if (models.size() != 1)
    in.refuse(fmt::format("names {} models in \"layers\"; one is needed (is it one that Ollama runs in its cloud?)",
                          models.size()));
  auto blob = blobs_beside(manifest) / models[0];
  if (!fs::exists(blob, error))
    throw load_error(fmt::format("{}: {} is missing; is the download complete?", manifest.string(), blob.string()));
  return blob;
}

fs::path find_ollama_manifest(std::string_view name) {
  auto path = manifest_path(name);
  if (path.empty())
    throw load_error(
        fmt::format("ollama:{}: not a name; names are NAME[:TAG], USER/NAME[:TAG], HOST/USER/NAME[:TAG]", name));
  std::vector<std::string> searched;
  std::error_code error;
  for (const auto& store : stores()) {
    if (auto manifest = store / "manifests" / path; fs::is_regular_file(manifest, error)) return manifest;
    searched.push_back(store.string());
  }
  throw load_error(fmt::format(
      "ollama:{}: no manifest {} in {}; `ollama list` shows the names, and OLLAMA_MODELS says where the store is", name,
      path.string(), fmt::join(searched, ", ")));
}

}  // namespace chromatin::model

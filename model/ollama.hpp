#pragma once

/// Models in Ollama's store: a manifest names blobs by their hashes, and one of them is a GGUF file.

#include <filesystem>
#include <optional>
#include <string_view>

namespace chromatin::model {

/// The GGUF file that a manifest names. Nothing if `manifest` is no manifest. Throws load_error for one that cannot be
/// used.
std::optional<std::filesystem::path> read_ollama_manifest(const std::filesystem::path& manifest);

/// The manifest of `NAME[:TAG]`, `USER/NAME[:TAG]` or `HOST/USER/NAME[:TAG]`. Throws load_error that names the folders
/// that were searched.
std::filesystem::path find_ollama_manifest(std::string_view name);

}  // namespace chromatin::model

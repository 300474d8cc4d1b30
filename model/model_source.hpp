#pragma once

/// Where a model's files are, of all the ways in which people have them on their disks. Nothing is ever written there.

#include <filesystem>
#include <string>

namespace chromatin::model {

struct model_source {
  std::filesystem::path path;  ///< a folder with config.json, or a GGUF file (the first, where there are several)
  std::string name;            ///< for people

  bool is_gguf() const;
};

/// `what` is one of
/// - a folder with config.json;
/// - a GGUF file, or a folder that has no config.json and one GGUF model;
/// - a folder of Hugging Face's cache (`models--org--name`): the snapshot that `refs/main` names, else the only one;
/// - a manifest of Ollama's store, or `ollama:NAME[:TAG]`, which is looked for in `OLLAMA_MODELS`, in the user's store,
///   and in the one of Ollama's service.
/// Throws load_error that says what is there instead, and the way out.
model_source find_model(const std::filesystem::path& what);

}  // namespace chromatin::model

#pragma once

/// A model as GGUF has it: one file, or several that it was split into.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "model/gguf/metadata.hpp"
#include "model/weights.hpp"

namespace chromatin::model::gguf {

/// Any thread. What is in it are views of `files`, whoever holds these.
struct contents {
  std::vector<std::filesystem::path> paths;  ///< in their order
  std::vector<mapped_file> files;
  metadata values;                                     ///< the first file's
  std::map<std::string, tensor, std::less<>> tensors;  ///< of all files, by the names that GGUF has

  /// Any file of those that a model was split into (`NAME-00002-of-00003.gguf`) opens all. Throws load_error.
  static contents open(const std::filesystem::path& path);
};

/// Where the parts of a split model are, by the name of one: empty if the name is not that of a part.
std::vector<std::filesystem::path> split_paths(const std::filesystem::path& part);
/// Those, or the file itself where it was not split.
std::vector<std::filesystem::path> paths_of(const std::filesystem::path& file);

}  // namespace chromatin::model::gguf

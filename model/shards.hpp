#pragma once

/// Which file of a checkpoint has which tensor.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kv/chunk.hpp"
#include "model/weights.hpp"

namespace chromatin::model {

/// The tensors of one file, by name.
using shard_tensors = std::map<std::string, tensor, std::less<>>;

/// What `model.safetensors.index.json` says; empty but for the one file where a checkpoint is a single file.
struct shard_index {
  std::string where;                                        ///< for errors: the index file, or the folder
  std::vector<std::filesystem::path> files;                 ///< sorted
  std::map<std::string, std::size_t, std::less<>> file_of;  ///< of a tensor: a place in `files`
  kv::hash128 hash;                                         ///< of the index file

  /// The tensor in the shard that the index names. Where it names none, exactly one shard must have the tensor.
  /// `shards` are those of `files`, in their order. Throws load_error.
  const tensor& find(std::string_view name, const std::vector<shard_tensors>& shards) const;
};

/// `model.safetensors`, or the shards that `model.safetensors.index.json` names. Throws load_error.
shard_index read_shard_index(const std::filesystem::path& folder);

}  // namespace chromatin::model

#pragma once

/// The folder that a server keeps its state in: who has it, who may read it, what happens to a damaged database.

#include <filesystem>

#include "io/segments.hpp"

namespace chromatin::io {

/// Makes the folder, and those above it that are missing, for their owner only. One that is there stays as it is.
/// Throws open_error.
void make_private_folder(const std::filesystem::path& folder);

/// In such a folder: which algorithms are fastest on a CUDA device. It holds no secret.
inline constexpr const char* device_algorithms_file = "cuda-algorithms";

/// The folder belongs to this process for as long as this lives: `lock` is held with flock and has the process's id.
/// Throws open_error if another process has it.
class folder_lock {
 public:
  explicit folder_lock(const std::filesystem::path& folder);

 private:
  file_descriptor file_;
};

/// Renames the database `folder/name` and what SQLite keeps beside it to `….damaged`, or `….damaged-2` and so on: what
/// was put aside before stays. Returns the new name, without the folder. A `replacement` takes its place: whenever the
/// process ends, one of the two is there.
std::string put_aside(const std::filesystem::path& folder, const std::string& name,
                      const std::filesystem::path& replacement = {});

}  // namespace chromatin::io

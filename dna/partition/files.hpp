#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace chromatin::dna {

/// The whole content. Throws std::runtime_error that names the file and why.
std::string read_file(const std::filesystem::path& file);

/// Writes beside the file, syncs, and renames: after a crash there is the old content or the new. Throws
/// std::runtime_error.
void replace_file(const std::filesystem::path& file, std::string_view content);

/// Writes behind the first `kept` bytes of a file, and syncs: after a crash the first ones are as they were, and behind
/// them is anything. Throws std::runtime_error.
void append_to_file(const std::filesystem::path& file, std::uintmax_t kept, std::string_view content);

/// Names in it are on the disk when this returns. Throws std::runtime_error.
void sync_folder(const std::filesystem::path& folder);

}  // namespace chromatin::dna

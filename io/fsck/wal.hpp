#pragma once

/// SQLite's write-ahead log at rest. SQLite silently ignores what comes after a frame whose checksum does not match.

#include <filesystem>
#include <string>

namespace chromatin::io::fsck {

/// What is wrong with the log, a sentence; empty if all that was written to it can be read, or there is none. A frame
/// that a crash cut short at the end of the file is not damage.
std::string damage_in_log(const std::filesystem::path& file);

}  // namespace chromatin::io::fsck

#pragma once

/// A soak: a server whose disk and files go wrong and which is killed again and again, users who do not mind, and a
/// server without faults beside it that says what is right.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "actors/launch.hpp"

namespace chromatin::soak {

struct options {
  std::uint64_t seed = 1;
  std::chrono::milliseconds lasts = std::chrono::minutes{1};
  std::uint32_t context = 256;  ///< so small that windows overflow all the time
  std::uint32_t users = 3;
  system_options system;           ///< of the server without faults: the model and the backend, which are those of both
  std::filesystem::path folder;    ///< empty, for everything that is written
  std::vector<std::string> texts;  ///< what users say
  std::function<void(const std::string&)> progress;
};

struct report {
  std::map<std::string, std::int64_t> done;    ///< what was done and compared, and how often
  std::map<std::string, std::int64_t> faults;  ///< that fired, by kind
  std::uint64_t resident_bytes_max = 0;
  std::vector<std::string> failures;  ///< empty if all held
};

/// Throws std::runtime_error if it cannot begin.
report run(const options& o);

}  // namespace chromatin::soak

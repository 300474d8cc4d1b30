#pragma once

/// What must hold of a server under faults. Pure: what was seen is given, what is wrong with it comes back in a
/// sentence; nothing if all is well.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "actors/client_values.hpp"

namespace chromatin::soak {

/// A turn's greedy tokens are those of the run without faults.
std::string check_answer(const std::string& conversation, const std::string& expected, const std::string& got);

/// A transcript has every message that was acknowledged, in order, and no other.
std::string check_transcript(const std::string& conversation, const message_list& acknowledged,
                             const message_list& found);

/// What became of a turn whose answer never came, or was an error.
enum class fate : std::uint8_t {
  without_trace,
  stored,  ///< its question and an answer, which is then to be checked
  wrong,   ///< something else changed
};
fate fate_of(const message_list& acknowledged, const std::string& question, const message_list& found);

/// The first turn of a conversation whose text this tenant has never said, though another has: it must hit nothing.
std::string check_stranger(const turn_statistics& seen);

/// A tenant's list has its own conversations only.
std::string check_names(const std::vector<std::string>& own, const conversation_list& found);

/// The resident memory of a server stays within its arenas and a fixed rest.
std::string check_memory(std::uint64_t resident_bytes, std::uint64_t arenas_bytes);

/// Every call is answered.
std::string check_waiting(std::chrono::milliseconds longest);

/// A server at rest holds no turn, page, load, save or lease: counters that are not nothing, all of them at once.
std::string check_rest(const std::vector<counters>& parts);

/// Nothing is in the folder of a server but what belongs there.
std::string check_files(const std::vector<std::string>& names);

}  // namespace chromatin::soak

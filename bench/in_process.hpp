#pragma once

/// The whole system in one process, from the gateway to the executor and back, and the program as users start it.

#include <filesystem>

#include "actors/launch.hpp"

namespace chromatin::bench {

/// Says it, and waits for an answer of so many tokens, decoded greedily. Any thread. Throws what the turn ended with.
turn_statistics say(running_system& system, const std::string& conversation, const std::string& text,
                    std::uint32_t answer_tokens, std::shared_ptr<token_sink> sink, bool reuse = true);

/// A copy of a conversation under another name.
void fork(running_system& system, const std::string& conversation, const std::string& into);
/// Takes a part out of the system, or puts it back.
void take_out(running_system& system, const std::string& part);
void put_back(running_system& system, const std::string& part);
/// Waits until everything that a tier was given to keep is in the tier below it.
void settle(running_system& system);

/// One turn of greedy decoding through all actors.
struct served_turn {
  double first_token_s = 0;
  double token_s = 0;   ///< mean from one token to the next
  double around_s = 0;  ///< of the whole turn, what was not spent in the backend
};
served_turn serve_one(running_system& system, const std::string& conversation, std::uint32_t answer_tokens);

/// Seconds from starting this program as `serve` to its first word of being ready.
double start_s(const std::filesystem::path& model);

}  // namespace chromatin::bench

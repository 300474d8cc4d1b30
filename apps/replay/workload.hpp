#pragma once

/// Real conversations as work for a server: user turns from a file, strung into longer sittings.

#include <istream>
#include <string>
#include <vector>

namespace chromatin::replay {

/// The user turns of one sitting, in order.
struct sitting {
  std::vector<std::string> user_turns;
};

/// Reads one JSON object a line: {"messages": [{"role": "user"|"assistant"|…, "content": …}, …], …}. Throws
/// std::runtime_error that names file and line. At most `limit` conversations; 0: all.
std::vector<sitting> read_conversations(std::istream& in, const std::string& file, std::size_t limit);

/// Strings every `join` conversations to one sitting; what is left over makes a shorter one.
std::vector<sitting> string_together(std::vector<sitting> conversations, std::size_t join);

}  // namespace chromatin::replay

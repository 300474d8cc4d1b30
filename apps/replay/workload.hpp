#pragma once

/// Real conversations as work for a server: user turns from a file, strung into longer sittings.

#include <istream>
#include <map>
#include <string>
#include <vector>

namespace chromatin::replay {

/// One sitting, in order.
struct sitting {
  std::vector<std::string> user_turns;
  std::vector<std::string> recorded;  ///< what the file answers to each of them; empty where it does not
  std::string system;                 ///< the system prompt; empty: none
};

/// What became of a file's messages.
struct reading {
  std::size_t conversations = 0, user_turns = 0, system_prompts = 0, recorded_answers = 0;
  std::map<std::string, std::size_t> left_out;  ///< by what they are: "tool messages", "image_url parts", …
};
/// One line: "120 conversations, 839 user turns, …; left out: …". `uses_recorded` says what became of the answers.
std::string describe(const reading& what, bool uses_recorded);

/// Reads conversations as OpenAI's interfaces have them: one JSON object a line, {"messages": [{"role", "content"},
/// …]}, perhaps as the "body" of a batch's request; or a file that is one object, an array of them, or an array of
/// messages. A content is a text, a list of parts of which those with text count, or null. Throws std::runtime_error
/// that names file and line. At most `limit` conversations that have a user's message; 0: all.
std::vector<sitting> read_conversations(std::istream& in, const std::string& file, std::size_t limit,
                                        reading* what = nullptr);

/// Strings every `join` conversations to one sitting, with the first one's system prompt; what is left over makes a
/// shorter one.
std::vector<sitting> string_together(std::vector<sitting> conversations, std::size_t join, reading* what = nullptr);

}  // namespace chromatin::replay

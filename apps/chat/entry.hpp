#pragma once

/// What somebody typed: a message, or a command. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace chromatin::chat {

struct command {
  std::string_view name, argument, help;  ///< `argument` is empty where the command takes none
};
const std::vector<command>& commands();

/// A line for each command.
std::string help_text();

struct entry {
  enum class kind { nothing, message, command, unknown_command };
  kind what = kind::nothing;
  std::string text;  ///< of a message
  std::string verb;  ///< of a command, without its slash
  std::string rest;  ///< what stands behind it, without the blanks around it
};

/// A command is one word of letters behind a slash, so that a path is a message; where it is none that there is, it is
/// unknown, unless several lines follow. A blank before the slash makes a message of anything.
entry read_entry(std::string_view typed);

/// One line that names the nearest command and how to say the text all the same.
std::string explain_unknown(const std::string& verb);

/// Line ends as they come from files and terminals, "\r\n" and "\r", become "\n".
std::string with_plain_line_ends(std::string_view text);

/// True if the next line belongs to the same message: this one ends in a backslash, which is taken away. Two of them
/// are text.
bool take_continuation(std::string& line);

}  // namespace chromatin::chat

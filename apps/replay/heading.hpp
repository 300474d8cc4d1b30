#pragma once

/// What a page or a file of figures says of how they came about. Pure.

#include <string>
#include <vector>

namespace chromatin::replay {

struct heading {
  std::string title;    ///< what was played on what
  std::string read;     ///< what was done with the file
  std::string made;     ///< date and time
  std::string version;  ///< of this program
  std::string machine;
  std::string command;
};

/// A command as it can be typed again, from the program's arguments: quoted where a shell needs it, tokens left out.
std::string command_line(const std::vector<std::string>& arguments);

}  // namespace chromatin::replay

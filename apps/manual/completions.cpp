#include "apps/manual/completions.hpp"

#include <algorithm>

namespace chromatin::manual {

std::string in_quotes(std::string_view text, std::string_view escape) {
  std::string out = "'";
  for (char c : text) c == '\'' ? out += escape : out += c;
  return out + "'";
}

std::string in_a_line(const std::string& help) {
  auto line = help.substr(0, help.find('\n'));
  std::erase(line, '`');
  return line;
}

}  // namespace chromatin::manual

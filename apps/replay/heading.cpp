#include "apps/replay/heading.hpp"

#include <cctype>
#include <string_view>

namespace chromatin::replay {
namespace {

constexpr std::string_view secret = "--token";

bool is_plain(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view{"-_./:=,+@%"}.find(c) != std::string_view::npos;
}

std::string quoted(const std::string& word) {
  bool plain = !word.empty();
  for (char c : word) plain = plain && is_plain(c);
  if (plain) return word;
  std::string text = "'";
  for (char c : word) text += c == '\'' ? std::string{"'\\''"} : std::string(1, c);
  return text + "'";
}

}  // namespace

std::string command_line(const std::vector<std::string>& arguments) {
  std::string line = "chromatin";
  bool hide = false;
  for (const auto& word : arguments) {
    auto is_secret = std::string_view{word}.starts_with(secret);
    if (hide)
      line += " …";
    else if (is_secret && word.size() > secret.size() && word[secret.size()] == '=')
      line += " --token=…";
    else
      line += " " + quoted(word);
    hide = !hide && word == secret;
  }
  return line;
}

}  // namespace chromatin::replay

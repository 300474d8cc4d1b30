#include "apps/chat/entry.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "apps/flags/nearest.hpp"

namespace chromatin::chat {
namespace {

constexpr std::string_view blanks = " \t\n";

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

std::string without_blanks_around(std::string_view text) {
  auto begin = text.find_first_not_of(blanks);
  if (begin == text.npos) return {};
  return std::string{text.substr(begin, text.find_last_not_of(blanks) + 1 - begin)};
}

bool is_command(std::string_view name) {
  return std::ranges::find(commands(), name, &command::name) != commands().end();
}

}  // namespace

const std::vector<command>& commands() {
  static const std::vector<command> all{
      {"help", "", "this list"},
      {"list", "", "your conversations"},
      {"open", "NAME", "go on with another conversation, and show what was said"},
      {"show", "", "what was said in this one, with numbers"},
      {"info", "", "name and length of this one"},
      {"edit", "N [TEXT]", "say message N in other words: the conversation forks there"},
      {"regenerate", "[SEED]", "another answer to the last message, in a fork"},
      {"new", "[NAME]", "start a new conversation"},
      {"fork", "[NAME]", "go on in a copy"},
      {"truncate", "", "drop the older half of the window"},
      {"forget", "", "forget this conversation for good and start a new one"},
      {"quit", "", "leave; the conversation stays"},
  };
  return all;
}

std::string help_text() {
  std::string text;
  for (const auto& c : commands()) text += fmt::format("{:<20}{}\n", fmt::format("/{} {}", c.name, c.argument), c.help);
  return text +
         "A line that ends in \\ goes on in the next one; pasted lines are one message; a blank before / makes a "
         "message "
         "of it.\n^C ends an answer, twice the program.\n";
}

entry read_entry(std::string_view typed) {
  if (typed.find_first_not_of(blanks) == typed.npos) return {};
  if (typed.starts_with(" /")) return {entry::kind::message, std::string{typed.substr(1)}, {}, {}};
  entry as_message{entry::kind::message, std::string{typed}, {}, {}};
  if (!typed.starts_with('/')) return as_message;
  auto word = typed.substr(1, typed.find_first_of(blanks) - 1);
  if (word.empty() || !std::ranges::all_of(word, is_letter)) return as_message;
  entry e{entry::kind::command, {}, std::string{word}, without_blanks_around(typed.substr(1 + word.size()))};
  if (is_command(word)) return e;
  if (typed.find('\n') != typed.npos) return as_message;
  e.what = entry::kind::unknown_command;
  return e;
}

std::string explain_unknown(const std::string& verb) {
  std::vector<std::string> names;
  for (const auto& c : commands()) names.emplace_back(c.name);
  auto meant = nearest(verb, names);
  return fmt::format("/{} is no command{}; /help lists them, and a blank before the / makes a message of it", verb,
                     meant.empty() ? "" : fmt::format(", did you mean /{}?", meant));
}

std::string with_plain_line_ends(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r')
      plain += text[i];
    else if (i + 1 == text.size() || text[i + 1] != '\n')
      plain += '\n';
  }
  return plain;
}

bool take_continuation(std::string& line) {
  auto behind_text = line.find_last_not_of('\\');
  auto backslashes = line.size() - (behind_text == line.npos ? 0 : behind_text + 1);
  if (backslashes % 2 == 0) return false;
  line.pop_back();
  return true;
}

}  // namespace chromatin::chat

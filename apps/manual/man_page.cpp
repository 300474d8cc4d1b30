#include "apps/manual/man_page.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace chromatin::manual {
namespace {

/// Text as it is: nothing in it is a request or a special character. What stands in `backquotes` is bold.
std::string escaped(std::string_view text) {
  static const std::map<char, std::string_view> special{{'\\', "\\e"},  {'-', "\\-"},   {'\'', "\\(aq"},
                                                        {'^', "\\(ha"}, {'~', "\\(ti"}, {'\n', "\n.br\n"}};
  std::string out;
  bool bold = false;
  for (char c : text) {
    if (c == '.' && (out.empty() || out.back() == '\n')) out += "\\&";
    if (auto found = special.find(c); found != special.end())
      out += found->second;
    else if (c == '`')
      out += (bold = !bold) ? "\\fB" : "\\fR";
    else
      out += c;
  }
  return out;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string bold(std::string_view text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + escaped(text) + "\\fR"; }

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// What the index of man pages says. The program's own description begins with its name, which stands there already.
std::string summary(const command& c) {
  auto line = first_line(c.help);
  auto name = c.path.front() + " ";
  if (line.starts_with(name)) line.erase(0, name.size());
  if (line.ends_with('.')) line.pop_back();
  return line;
}

std::string synopsis(const command& c) {
  auto line = bold(c.name(" ")) + " [" + italic("options") + "]";
  for (const auto& o : c.options)
    if (o.positional) {
      auto argument = italic(o.names.front()) + (o.repeats ? " ..." : "");
      line += o.required ? " " + argument : " [" + argument + "]";
    }
  if (!c.commands.empty()) line += " " + italic("command");
  return line + "\n";
}

std::string entry(const option& o) {
  std::string names;
  for (const auto& name : o.names)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", o.positional ? italic(name) : bold(name));
  if (!o.positional && !o.value.empty()) names += " " + italic(o.value);
  auto text = fmt::format(".TP\n{}\n{}\n", names, o.help.empty() ? "\\&" : escaped(o.help));
  auto note = [&](std::string_view what, const std::string& value) {
    if (!value.empty()) text += fmt::format(".br\n{} {}\n", what, escaped(value));
  };
  note("One of:", fmt::format("{}", fmt::join(o.choices, ", ")));
  note("Range:", o.limits);
  note("Default:", o.standard);
  if (o.required) text += ".br\nIt has to be given.\n";
  if (o.repeats && !o.positional) text += ".br\nIt may be given several times.\n";
  return text;
}

/// Options under their headings, in the order in which these come first.
std::string option_sections(const command& c) {
  std::vector<std::pair<std::string, std::string>> sections;
  for (const auto& o : c.options) {
    auto title = o.positional ? "Arguments" : o.group;
    auto at = std::find_if(sections.begin(), sections.end(), [&](const auto& s) { return s.first == title; });
    if (at == sections.end()) at = sections.insert(at, {title, {}});
    at->second += entry(o);
  }
  std::string text;
  for (const auto& [title, entries] : sections) text += fmt::format(".SH {}\n{}", upper(title), entries);
  return text;
}

std::string command_section(const command& c, const std::vector<command>& all) {
  std::string text = c.commands.empty() ? "" : ".SH COMMANDS\n";
  for (const auto& name : c.commands) {
    const auto& below = command_below(all, c, name);
    text += fmt::format(".TP\n.BR {} (1)\n{}\n", escaped(below.name("-")), escaped(first_line(below.help)));
  }
  return text;
}

std::string see_also(const command& c) {
  if (c.path.size() == 1) return {};
  auto above = c;
  above.path.pop_back();
  return fmt::format(".SH SEE ALSO\n.BR {} (1)\n", escaped(above.name("-")));
}

}  // namespace

std::string man_page(const command& of, const std::vector<command>& all, const std::string& version) {
  auto name = of.name("-");
  return fmt::format(".TH {} 1 \"\" \"{} {}\" \"User Commands\"\n", escaped(upper(name)), of.path.front(), version) +
         fmt::format(".SH NAME\n{} \\- {}\n", escaped(name), escaped(summary(of))) +
         fmt::format(".SH SYNOPSIS\n{}", synopsis(of)) + fmt::format(".SH DESCRIPTION\n{}\n", escaped(of.help)) +
         option_sections(of) + command_section(of, all) +
         (of.footer.empty() ? "" : fmt::format(".SH NOTES\n{}\n", escaped(of.footer))) + see_also(of);
}

}  // namespace chromatin::manual

#include <fmt/format.h>

#include "apps/manual/completions.hpp"

namespace chromatin::manual {
namespace {

/// An entry of _describe.
std::string entry(const std::string& name, const std::string& help) {
  return " " + in_quotes(name + ":" + in_a_line(help));
}

/// Branches of `case $at in`: what may come next.
std::string next_words(const command& c, const std::vector<command>& all) {
  std::string commands, options;
  for (const auto& name : c.commands) commands += entry(name, command_below(all, c, name).help);
  for (const auto& o : c.options)
    if (!o.positional)
      for (const auto& name : o.names) options += entry(name, o.help);
  return fmt::format("    ({}) commands=({}) options=({}) ;;\n", in_quotes(c.name(" ")), commands, options);
}

/// Branches of `case "$at $before" in`: what may stand behind an option.
std::string zsh_values(const command& c) {
  std::string text;
  for (const auto& o : c.options)
    if (!o.positional && !o.value.empty())
      for (const auto& name : o.names)
        text += fmt::format("    ({}) {} ; return ;;\n", in_quotes(c.name(" ") + " " + name),
                            o.choices.empty() ? "_files" : fmt::format("compadd -- {}", fmt::join(o.choices, " ")));
  return text;
}

}  // namespace

std::string zsh_completion(const std::vector<command>& all) {
  std::string known, next, value;
  for (const auto& c : all) {
    if (c.path.size() > 1) known += (known.empty() ? "" : "|") + in_quotes(c.name(" "));
    next += next_words(c, all);
    value += zsh_values(c);
  }
  return fmt::format(R"(#compdef {0}
# Completion of {0} for zsh, made from its own options.
_{0}() {{
  local at={0} before=${{words[CURRENT-1]}} word
  local -a commands options
  for word in ${{words[2,CURRENT-1]}}; do
    case "$at $word" in ({1}) at="$at $word" ;; esac
  done
  case $at in
{2}  esac
  case "$at $before" in
{3}  esac
  if [[ ${{words[CURRENT]}} == -* ]]; then
    _describe -o option options
  elif (( $#commands )); then
    _describe command commands
  else
    _files
  fi
}}
_{0} "$@"
)",
                     all.front().path.front(), known, next, value);
}

}  // namespace chromatin::manual

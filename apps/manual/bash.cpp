#include <fmt/format.h>

#include "apps/manual/completions.hpp"

namespace chromatin::manual {
namespace {

/// Branches of `case "$at" in`: what may come next.
std::string next_words(const command& c) {
  std::string options;
  for (const auto& o : c.options)
    if (!o.positional)
      for (const auto& name : o.names) options += (options.empty() ? "" : " ") + name;
  return fmt::format("    {}) commands={} options={} ;;\n", in_quotes(c.name(" ")),
                     in_quotes(fmt::format("{}", fmt::join(c.commands, " "))), in_quotes(options));
}

/// Branches of `case "$at $before" in`: what may stand behind an option. Nothing: the shell completes files.
std::string bash_values(const command& c) {
  std::string text;
  for (const auto& o : c.options)
    if (!o.positional && !o.value.empty())
      for (const auto& name : o.names)
        text += fmt::format("    {}) values={}; takes_value=1 ;;\n", in_quotes(c.name(" ") + " " + name),
                            in_quotes(fmt::format("{}", fmt::join(o.choices, " "))));
  return text;
}

}  // namespace

std::string bash_completion(const std::vector<command>& all) {
  std::string known, next, value;
  for (const auto& c : all) {
    if (c.path.size() > 1) known += (known.empty() ? "" : "|") + in_quotes(c.name(" "));
    next += next_words(c);
    value += bash_values(c);
  }
  return fmt::format(R"(# Completion of {0} for bash, made from its own options.
_{0}() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
  local at={0} i commands='' options='' values='' takes_value=''
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at ${{COMP_WORDS[i]}}" in {1}) at+=" ${{COMP_WORDS[i]}}" ;; esac
  done
  case "$at" in
{2}  esac
  case "$at $before" in
{3}  esac
  if [[ $takes_value ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
  elif [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
  fi
}}
complete -o default -F _{0} {0}
)",
                     all.front().path.front(), known, next, value);
}

}  // namespace chromatin::manual

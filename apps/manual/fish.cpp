#include <fmt/format.h>

#include "apps/manual/completions.hpp"

namespace chromatin::manual {
namespace {

constexpr std::string_view quote = R"(\')";

std::string line(const command& c, const std::string& what, const std::string& help) {
  return fmt::format("complete -c {} -n {} {} -d {}\n", c.path.front(),
                     in_quotes("__chromatin_at " + c.name(" "), quote), what, in_quotes(in_a_line(help), quote));
}

std::string option_line(const command& c, const option& o) {
  std::string what;
  for (const auto& name : o.names)
    what += name.starts_with("--") ? "-l " + name.substr(2) + " " : "-s " + name.substr(1) + " ";
  if (!o.value.empty())
    what +=
        o.choices.empty() ? "-r -F" : fmt::format("-x -a {}", in_quotes(fmt::format("{}", fmt::join(o.choices, " "))));
  return line(c, what, o.help);
}

}  // namespace

std::string fish_completion(const std::vector<command>& all) {
  std::string known, lines;
  for (const auto& c : all) {
    if (c.path.size() > 1) known += " " + in_quotes(c.name(" "));
    // Where a command has to come, no file can.
    for (const auto& name : c.commands) lines += line(c, "-f -a " + name, command_below(all, c, name).help);
    for (const auto& o : c.options)
      if (!o.positional) lines += option_line(c, o);
  }
  return fmt::format(R"(# Completion of {0} for fish, made from its own options.
set -g __chromatin_commands{1}
# True if the command line is at this command so far.
function __chromatin_at
    set -l at {0}
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        if contains -- "$at $word" $__chromatin_commands
            set at "$at $word"
        end
    end
    test "$at" = "$argv"
end
{2})",
                     all.front().path.front(), known, lines);
}

}  // namespace chromatin::manual

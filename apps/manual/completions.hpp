#pragma once

/// What a shell needs to complete the program's command lines: commands, options with their explanations where the
/// shell shows them, and values where there are few; else files.

#include <string>
#include <vector>

#include "apps/manual/commands.hpp"

namespace chromatin::manual {

std::string bash_completion(const std::vector<command>& all);
std::string zsh_completion(const std::vector<command>& all);
std::string fish_completion(const std::vector<command>& all);

/// 'text' as a shell reads it: in single quotes, which it may have in it. `escape` stands for one.
std::string in_quotes(std::string_view text, std::string_view escape = R"('\'')");
/// The first line of a help text, without the marks of code in it.
std::string in_a_line(const std::string& help);

}  // namespace chromatin::manual

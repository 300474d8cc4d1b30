#pragma once

/// A command's man page, as groff and mandoc read it.

#include <string>
#include <vector>

#include "apps/manual/commands.hpp"

namespace chromatin::manual {

/// The page of `of`, one of `all`; it is called as the command with dashes: chromatin-dna-put.
std::string man_page(const command& of, const std::vector<command>& all, const std::string& version);

}  // namespace chromatin::manual

#pragma once

/// What methods and filters do to texts; sources stay with their bytes.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/jinja/text.hpp"

namespace chromatin::model::jinja {

/// Without characters of `set` at its ends, or white space where there is no set.
text stripped(const text& of, const std::string* set, bool left, bool right);
text replaced(const text& of, std::string_view from, const text& to, std::optional<std::size_t> count);
text capitalized(const text& of);
/// As str.title does: letters behind what is no letter are upper case.
text titled(const text& of);
/// As Jinja's filter: letters behind white space and brackets and hyphens.
text titled_words(const text& of);
/// Parts between `separator`; between white space where there is none.
std::vector<text> split(const text& of, const std::string* separator, std::optional<std::size_t> count);
std::vector<text> split_from_end(const text& of, const std::string* separator, std::optional<std::size_t> count);
std::vector<text> split_lines(const text& of, bool keep_ends);
text indented(const text& of, const text& by, bool first, bool blank);
/// With spaces around it to at least `width` characters; `left` and `right` say where.
text padded(const text& of, std::size_t width, const text& with, bool left, bool right);

}  // namespace chromatin::model::jinja

#pragma once

/// What stands for a value in a template's text or in JSON, and values as text.

#include <optional>
#include <string>
#include <string_view>

#include "model/jinja/context.hpp"

namespace chromatin::model::jinja {

/// The inside of a quoted string, its escapes as Python has them; empty if one is cut short or names no character.
std::optional<std::string> unescaped(std::string_view inside);

/// A value as it is put out: a text itself, anything else as Python writes it. Nothing for an undefined one.
text shown(context& in, const value& of);
/// As Python's repr.
text represented(context& in, const value& of);
/// A float as Python writes it: always with a point or an exponent.
std::string float_text(double of);

struct json_style {
  std::string item_separator = ", ", key_separator = ": ";
  std::optional<std::string> indent;  ///< of one level
  bool ascii = false, sorted = false;
};

/// As Python's json.dumps. Throws a fault for what JSON does not have.
text to_json(context& in, const value& of, const json_style& style);
/// A value from JSON, all of whose strings come from `from`. Throws a fault for text that is not JSON.
value from_json(std::string_view json, source from);

}  // namespace chromatin::model::jinja

#pragma once

/// Jinja templates, read as far as needed to tell whether two of them say the same.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chromatin::model {

struct jinja_token {
  enum class kind : char {
    text = 't',    ///< stands outside tags: is put out as it is
    string = 's',  ///< a string inside a tag, without its quotes and escapes
    code = 'c'     ///< everything else: names, numbers, operators, the marks that begin and end a tag
  };
  kind type = kind::text;
  std::string value;
  bool operator==(const jinja_token&) const = default;
};

/// The tokens of a template under the settings that chat templates are written for (trim_blocks and lstrip_blocks),
/// with white space control carried out and comments left out. Templates with equal tokens render equal texts, however
/// they are laid out and quoted. Empty where the text has something that is not understood.
std::optional<std::vector<jinja_token>> read_jinja(std::string_view text);

}  // namespace chromatin::model

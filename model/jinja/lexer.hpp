#pragma once

/// A template's text as tokens, under the settings that chat templates are written for: trim_blocks and lstrip_blocks,
/// all ends of lines are one character, a last one is dropped.

#include <string>
#include <string_view>
#include <vector>

#include "model/jinja/error.hpp"

namespace chromatin::model::jinja {

struct token {
  enum class kind {
    text,         ///< stands outside tags: is put out as it is
    block_begin,  ///< {%
    block_end,
    value_begin,  ///< {{
    value_end,
    name,
    integer,
    real,
    string,  ///< without its quotes and escapes
    sign,    ///< an operator or a bracket
    end      ///< of the template
  };
  kind type = kind::end;
  std::string value;
  place at;
};

/// The tokens, and an `end`. White space control is carried out, comments are left out, the inside of raw blocks is
/// text. Throws template_error.
std::vector<token> read_tokens(std::string_view template_text);

}  // namespace chromatin::model::jinja

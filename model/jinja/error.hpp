#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace chromatin::model::jinja {

/// Where something stands in a template; both count from 1, columns in characters.
struct place {
  std::uint32_t line = 1, column = 1;
};

/// A template that cannot be read, or whose run failed. `what()` is one line that begins with the place; `reason` is
/// the same without it.
struct template_error : std::runtime_error {
  template_error(const std::string& why, place where, bool by_template = false);
  std::string reason;
  place at;
  bool raised;  ///< by the template itself, with raise_exception
};

/// A fault whose place is not known yet: the interpreter adds it.
struct fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What the template itself refuses.
struct raised : fault {
  using fault::fault;
};

}  // namespace chromatin::model::jinja

#pragma once

/// What stands behind a path's question mark, "a=b&c=d", and parts of paths. Pure.

#include <cstdint>
#include <map>
#include <string>

namespace chromatin::http {

/// A part of a path or of a query without its percent signs. Throws error.
std::string decoded(const std::string& text, const char* of_what = "path");

class query {
 public:
  /// Throws error.
  explicit query(const std::string& text);

  /// Empty if it is not there.
  std::string text(const char* name) const;
  /// Throws error.
  std::uint32_t number(const char* name, std::uint32_t otherwise, std::uint32_t least, std::uint32_t most) const;

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace chromatin::http

#pragma once

/// Regular expressions for tests. std::regex takes each file that uses it eight seconds to compile; here one does.

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chromatin::test {

class pattern {
 public:
  /// As ECMAScript has them.
  explicit pattern(const std::string& expression);
  pattern(const char* expression) : pattern{std::string{expression}} {}

  /// What was found, and what stands in each group.
  using groups = std::vector<std::string>;
  /// In the whole of a text; nothing if it does not fit.
  std::optional<groups> match(const std::string& text) const;
  bool found_in(const std::string& text) const { return find(text).has_value(); }
  /// The first place of a text.
  std::optional<groups> find(const std::string& text) const;
  /// Every place, in order.
  std::vector<groups> all_in(const std::string& text) const;
  std::string replaced(const std::string& text, const std::string& with) const;

 private:
  struct compiled;
  std::shared_ptr<const compiled> compiled_;
};

}  // namespace chromatin::test

#pragma once

/// The regular expressions by which tokenizers cut a text before they merge bytes. Characters are what the Unicode
/// version of the PCRE2 in use says (14 in Debian 12): one that was assigned later is neither letter nor digit.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chromatin::model {

/// A stretch of a text, in bytes.
struct text_range {
  std::size_t begin = 0, end = 0;
};

/// Immutable after construction; any thread.
class split_pattern {
 public:
  /// `pattern` is written for Oniguruma, as tokenizer.json has it. What does not mean the same to PCRE2 is refused:
  /// throws load_error that names it; `where` says whose pattern it is.
  split_pattern(std::string_view pattern, const std::string& where);
  ~split_pattern();
  split_pattern(split_pattern&&) noexcept;

  /// Where `text` matches, from left to right; empty matches are left out. Bytes that are no UTF-8 match nothing.
  /// Throws std::runtime_error if the matching needs more than PCRE2's limits.
  std::vector<text_range> find(std::string_view text) const;

 private:
  struct implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace chromatin::model

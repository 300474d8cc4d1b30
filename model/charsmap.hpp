#pragma once

/// SentencePiece's table of what characters become, as converters put it into tokenizer.json ("Precompiled"): a double
/// array (Darts) of texts that are sought, and the texts that take their places. Immutable; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chromatin::model {

class charsmap {
 public:
  /// `table` is the file's bytes, of which nothing is trusted; `where` begins an error. Throws load_error.
  charsmap(std::string_view table, const std::string& where);

  /// Replaces each user-perceived character of less than six bytes as a whole where the table begins with something of
  /// it, else code point by code point, as Hugging Face's library does.
  std::string operator()(std::string_view text) const;

 private:
  /// What stands for a text of which the table has a beginning, the shortest one.
  std::optional<std::string_view> find(std::string_view text) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;  ///< each ends with a NUL
};

}  // namespace chromatin::model

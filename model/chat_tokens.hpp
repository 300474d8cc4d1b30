#pragma once

/// A rendered text as tokens: control tokens where the template's own text names them, plain text everywhere else.

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/jinja/text.hpp"
#include "model/tokenizer.hpp"

namespace chromatin::model {

/// A stretch of a text, in bytes: a control token, plain text up to the next one, or white space that a control token
/// takes and that becomes no token.
struct chat_segment {
  std::size_t begin = 0, end = 0;
  std::optional<kv::token_id> control;
  bool taken = false;
};

/// Immutable; any thread.
class chat_tokens {
 public:
  explicit chat_tokens(std::shared_ptr<const tokenizer> words);

  /// All of a text. A control token lies wholly in text of the template; of several that begin at one place it is the
  /// longest.
  std::vector<chat_segment> segments(const jinja::text& of) const;
  /// The tokens of what lies from `begin` to `end`. Plain text that goes on there is cut into tokens as such: no space
  /// is put before its first word.
  std::vector<kv::token_id> tokens(const jinja::text& of, const std::vector<chat_segment>& segments, std::size_t begin,
                                   std::size_t end) const;
  const tokenizer& words() const { return *words_; }

 private:
  struct control {
    kv::token_id id = 0;
    token_margins margins;
  };
  /// What a text begins with, if that is a control token: its bytes and its id.
  std::pair<std::size_t, control> control_at(std::string_view text) const;

  std::shared_ptr<const tokenizer> words_;
  std::map<std::string, control, std::less<>> controls_;
  std::array<std::vector<std::size_t>, 256> sizes_;  ///< of those that begin with this byte, longest first
};

}  // namespace chromatin::model

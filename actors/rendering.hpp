#pragma once

/// What messages become in a window: tokens, by the checkpoint's chat template. The tokens of an answer are kept as
/// they were sampled. Immutable; any thread.

#include <memory>
#include <span>
#include <string_view>

#include "actors/messages.hpp"
#include "model/checkpoint.hpp"

namespace chromatin {

/// How many leading tokens of an answer lie wholly within `text`, its beginning: what stays of an answer that a stop
/// string ended.
std::uint32_t tokens_within(const model::tokenizer& words, std::span<const kv::token_id> answer, std::string_view text);

class rendering {
 public:
  explicit rendering(std::shared_ptr<const model::checkpoint> checkpoint) : checkpoint_{std::move(checkpoint)} {}

  /// A new conversation's window: the template's opening and the system prompt, its own or the template's, which stays.
  kv::lineage new_window(kv::chunk_key root, const std::string& system_prompt) const;
  /// Of a new window with a system prompt of its own: the tokens of that.
  std::vector<kv::token_id> system_message(const kv::lineage& new_window) const;
  /// What a message adds to the window behind one of role `after_role`; empty if it is the first.
  std::vector<kv::token_id> message(const model::message& m, std::string_view after_role) const;
  /// A text as it is, at the beginning of a window.
  std::vector<kv::token_id> text(std::string_view plain) const;
  std::vector<kv::token_id> answer_prompt() const { return checkpoint_->chat.answer_prompt(); }
  /// What follows the kept tokens of an answer: the end of its text, where a stop string begins inside a token, and the
  /// token that closes an answer which was cut short, so that the next message follows as the template wants it.
  std::vector<kv::token_id> ending(const turn_outcome& outcome) const;

 private:
  std::vector<kv::token_id> rest_of_text(const turn_outcome& outcome) const;

  std::shared_ptr<const model::checkpoint> checkpoint_;
};

}  // namespace chromatin

#pragma once

/// What messages become in a window: tokens, by the checkpoint's chat template. The tokens of an answer are kept as
/// they were sampled. Immutable; any thread.

#include <memory>
#include <optional>
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
  /// `now_s` is the time that templates may tell.
  explicit rendering(std::shared_ptr<const model::checkpoint> checkpoint, std::optional<std::int64_t> now_s = {})
      : checkpoint_{std::move(checkpoint)}, options_{.now_s = now_s} {}

  // What takes messages throws model::jinja::template_error where the template refuses them.

  /// A new conversation's window: the template's opening and the system prompt, its own or the template's, which stays.
  kv::lineage new_window(kv::chunk_key root, const std::string& system_prompt) const;
  /// Of a new window with a system prompt of its own: the tokens of that.
  std::vector<kv::token_id> system_message(const kv::lineage& new_window) const;
  /// What messages add to the window of a conversation, and what makes the model answer.
  model::continuation go_on(const message_list& before, std::span<const model::message> added) const {
    return checkpoint_->chat.go_on(before, added, options_);
  }
  /// A text as it is, at the beginning of a window.
  std::vector<kv::token_id> text(std::string_view plain) const;
  /// What follows the kept tokens of an answer: the end of its text, where a stop string begins inside a token, and the
  /// token that closes an answer which was cut short, so that the next message follows as the template wants it.
  std::vector<kv::token_id> ending(const turn_outcome& outcome) const;

 private:
  std::vector<kv::token_id> rest_of_text(const turn_outcome& outcome) const;

  std::shared_ptr<const model::checkpoint> checkpoint_;
  model::render_options options_;
};

}  // namespace chromatin

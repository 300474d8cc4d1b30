#pragma once

/// How a conversation becomes tokens: the checkpoint's own template is run over it. A conversation that goes on is told
/// what is added to it, so that the exact tokens of what was said and generated stay, and never are made again from
/// text; where a template writes earlier messages differently now, it is told that too.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/chat_description.hpp"
#include "model/chat_tokens.hpp"
#include "model/jinja/program.hpp"
#include "model/message.hpp"
#include "model/tokenizer.hpp"

namespace chromatin::model {

struct render_options {
  bool answer_prompt = false;         ///< ends with what makes the model answer
  std::optional<std::int64_t> now_s;  ///< since 1970, UTC: what `strftime_now` tells; without it templates lack that
  // JSON texts; empty: none. What they say is what a client says: it never becomes a control token.
  std::string tools, documents;  ///< lists
  std::string variables;         ///< an object of further variables
};

/// What goes behind a conversation.
struct continuation {
  /// How many messages from the first are still written as before: all, unless the template rewrites.
  std::size_t kept = 0;
  std::vector<kv::token_id> head;                   ///< what stands before the first message
  std::vector<std::vector<kv::token_id>> messages;  ///< of each message, those that are kept left out
  std::vector<kv::token_id> answer_prompt;          ///< what makes the model answer
};

/// Immutable; any thread.
class chat_template {
 public:
  /// Reads the template of a checkpoint's folder, and tries it. Throws load_error that names file, line and column.
  static chat_template open(const std::filesystem::path& folder, std::shared_ptr<const tokenizer> words);
  static chat_template open(chat_description from, std::shared_ptr<const tokenizer> words);

  /// Of a model that is only measured: no conversation is ever written with it.
  static chat_template none() { return {}; }

  /// The file that it is from.
  const std::string& name() const { return from_.file; }

  /// The text of a conversation. Where it is not the template's own its source is 1 + the number of the message, or
  /// more where the options say it. Throws jinja::template_error; so does everything below that takes messages.
  jinja::text render(std::span<const message> messages, const render_options& options) const;
  /// What `added` adds to a conversation, in tokens: behind `before`, whose last answer was generated as it is, with
  /// the token that ends it.
  continuation go_on(std::span<const message> before, std::span<const message> added,
                     const render_options& options = {}) const;

  /// What stands before everything, whatever is said; mostly one token or nothing.
  const std::vector<kv::token_id>& opening() const { return opening_; }
  /// What stands before the first message that is not a system message: the opening, and the system message `content`;
  /// where there is none, mostly the template's own, if it has one.
  std::vector<kv::token_id> head(const std::string& content, const render_options& options = {}) const;
  /// What makes the model answer a user's message.
  std::vector<kv::token_id> answer_prompt() const;
  /// The token that ends an answer.
  kv::token_id answer_end() const { return answer_end_; }

 private:
  struct layout;

  chat_template() = default;
  chat_template(chat_description from, std::shared_ptr<const tokenizer> words);
  void learn();
  std::optional<std::string> find_tail(std::span<const message> talk, std::size_t message) const;
  kv::token_id find_answer_end(const std::string& tail) const;
  jinja::text run(std::span<const message> messages, const render_options& options, bool merge_system) const;
  std::optional<jinja::text> try_render(std::span<const message> messages, const render_options& options) const;
  layout lay_out(std::span<const message> messages, const render_options& options) const;
  std::size_t opening_end(const layout& of) const;
  std::size_t head_end(const layout& of) const;
  std::size_t kept_messages(const layout& now, std::span<const message> before, const render_options& options) const;

  chat_description from_;
  jinja::program program_;
  std::shared_ptr<const chat_tokens> tokens_;
  bool merges_system_ = false;  ///< the template has no place for a system message: the first message has it
  std::optional<std::string> user_tail_, assistant_tail_;  ///< what stands behind a message's content and belongs to it
  std::vector<kv::token_id> opening_, ends_of_messages_;
  kv::token_id answer_end_ = 0;
};

}  // namespace chromatin::model

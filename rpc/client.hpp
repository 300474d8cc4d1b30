#pragma once

/// A blocking client, for programs that hold one conversation at a time per thread. A client and its conversations
/// belong to the thread that connected. No Cap'n Proto type shows here.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "actors/client_values.hpp"
#include "kv/retention.hpp"
#include "model/sampling.hpp"

namespace chromatin::rpc {

/// What a server answered instead of a result, or why there is no server: "code: sentence", perhaps with
/// " [field=NAME]" and " [retry_after_ms=N]" at its end.
struct call_error : std::runtime_error {
  using std::runtime_error::runtime_error;
  /// The part before the colon, such as "busy" or "context_full".
  std::string code() const;
  /// When the server wants to be asked again; nothing if it did not say.
  std::optional<std::chrono::milliseconds> retry_after() const;
  /// The value that is wrong, as a chat over HTTP calls it, such as "cache_salt"; empty: it is of none.
  std::string field() const;
};

struct say_options {
  std::string text;
  message_list before = {};                      ///< said elsewhere, in front of `text`
  model::sampling sampling = {.tokens_max = 0};  ///< tokens_max 0: the model's default
  std::uint8_t priority = 50;
  kv::retention keep = {};  ///< of the conversation's cache
  bool reuse = true;
  int cancel_fd = -1;  ///< the turn is cancelled when a byte can be read from this pipe, which is then taken
};

struct turn_report {
  turn_statistics server;
  std::int64_t first_text_us = 0;  ///< from the call to the first text, as the client saw it
  std::int64_t total_us = 0;
  std::string text;
  std::vector<model::token_likelihood> likelihoods;  ///< of the answer's tokens, where they are asked for
};

class conversation {
 public:
  ~conversation();
  conversation(conversation&&) noexcept;
  conversation& operator=(conversation&&) noexcept;

  const conversation_info& info() const { return info_; }
  /// One user turn; `on_text` gets the answer as it comes. Throws call_error. An exception from `on_text` cancels the
  /// turn, and so does `cancel_fd`; the error is then "cancelled", and the server hears of it with the next call.
  turn_report say(const say_options& options, const std::function<void(std::string_view)>& on_text = {});
  conversation_info truncate(std::uint32_t protect_tokens, double ratio);
  /// A copy of the first `messages` messages.
  conversation fork(std::string_view new_id, std::uint32_t messages = all_messages);
  /// What was said, from message `first` on: as much as the server gives at once.
  transcript read(std::uint32_t first, std::uint32_t count_max = 100);
  void forget();
  conversation_info refresh();

 private:
  friend class client;
  struct implementation;
  explicit conversation(std::unique_ptr<implementation> made, conversation_info info);
  std::unique_ptr<implementation> implementation_;
  conversation_info info_;
};

class client {
 public:
  /// "unix:PATH" or "HOST:PORT". A connection that is closed or refused before the login is tried again three times,
  /// for a quarter of a second. Throws call_error.
  explicit client(const std::string& address, std::string_view token = {});
  ~client();
  client(client&&) noexcept;

  /// An empty name makes a new conversation. A conversation that is made gets the system prompt.
  conversation open(std::string_view id = {}, std::string_view system_prompt = {});
  /// One that exists.
  conversation find(std::string_view id);
  /// The tenant's conversations by name, after the name `after`: as many as the server gives at once.
  conversation_list list(std::string_view after = {}, std::uint32_t count_max = 100);
  std::vector<counters> stat();
  /// Brings a conversation into DNA, and back; called again, they tell how far that is.
  /// `kv`: keys and values, too.
  archive_ticket archive(std::string_view id, bool kv = false);
  archive_ticket recall(std::string_view id, bool kv = false);
  archive_tickets archives();
  /// One that need not be opened: it may be archived, or damaged.
  void forget(std::string_view id);
  /// Takes a part of the server out, and puts it back: an operator's.
  void detach_part(const std::string& name);
  void attach_part(const std::string& name);

 private:
  friend class conversation;
  conversation open(std::string_view id, std::string_view system_prompt, bool make);

  struct implementation;
  std::shared_ptr<implementation> implementation_;
};

}  // namespace chromatin::rpc

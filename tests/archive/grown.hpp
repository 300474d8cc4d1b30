#pragma once

/// A conversation that lives as a registry's does, from a seed: turns, answers that settle, truncations, windows that
/// are shortened or start afresh.

#include <random>

#include "archive/transcript.hpp"

namespace chromatin::archive {

class growing_conversation {
 public:
  explicit growing_conversation(std::uint64_t seed) : random_{seed} {
    now.window.root = {seed, 6};
    say("system", 20 + below(60));
    now.window.keep = static_cast<std::uint32_t>(now.window.tokens.size());
  }

  /// A question and its answer; now and then something happens to the window first.
  void turn() {
    change_window();
    say("user", 1 + below(90));
    say("assistant", 1 + below(200));
    auto all = static_cast<std::uint32_t>(now.window.tokens.size());
    now.window.settled = std::max(now.window.kept_tokens, all - static_cast<std::uint32_t>(below(std::min(all, 5U))));
  }

  archived_conversation now;

 private:
  std::uint64_t below(std::uint64_t count) { return count == 0 ? 0 : random_() % count; }

  void change_window() {
    const auto what = below(6);
    if (what == 0) kv::truncate(now.window, 0, 0.5);
    if (what == 1) kv::make_room(now.window, 400, {.history_tokens_max = 600});
    if (what == 2) kv::shorten(now.window, static_cast<std::uint32_t>(now.window.tokens.size() - below(20)));
    if (what == 3 && below(3) == 0) kv::rebase(now.window);
  }

  void say(std::string role, std::uint64_t tokens) {
    io::stored_message message{std::move(role), {}, std::vector<kv::token_id>{}};
    for (; tokens > 0; --tokens) {
      message.content += words_[below(words_.size())];
      message.tokens->push_back(static_cast<kv::token_id>(below(32000)));
    }
    now.window.tokens.insert(now.window.tokens.end(), message.tokens->begin(), message.tokens->end());
    if (below(8) == 0) message.tokens.reset();  // an earlier format of the registry did not know them
    now.messages.push_back(std::move(message));
  }

  std::mt19937_64 random_;
  const std::vector<std::string> words_{"a room", " for two", "\n", "breakfast", " 4711", std::string(1, '\0')};
};

inline archived_conversation grown(std::uint64_t seed, int turns = 1) {
  growing_conversation conversation{seed};
  for (int i = 0; i < turns; ++i) conversation.turn();
  return conversation.now;
}

inline const io::conversation_key talk{"tenant", "talk"};

}  // namespace chromatin::archive

#pragma once

/// One sitting at a server: messages and commands come in, answers go out to the standard output, what there is to say
/// of them to the error output.

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "apps/chat/entry.hpp"
#include "apps/chat/input.hpp"
#include "rpc/client.hpp"

namespace chromatin::chat {

/// What somebody asked for that cannot be done, as one line.
struct usage_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct session_options {
  model::sampling sampling = {.tokens_max = 0};  ///< its seed is `seed`, or a new one for each answer
  std::optional<std::uint64_t> seed;
  std::function<std::uint64_t()> new_seed;
  kv::retention keep;
  std::string system_prompt;  ///< of conversations that are made
  int interrupts = -1;        ///< can be read after ^C; -1: ^C ends the process
  bool fresh = false;         ///< the conversation was made for the sitting, and nobody gave it a name
  bool terminal = false;      ///< somebody looks: errors are shown and the sitting goes on; else they end it
};

class session {
 public:
  session(rpc::client client, rpc::conversation conversation, session_options options, std::unique_ptr<input> from);

  /// Until the input ends, or somebody leaves. Throws rpc::call_error, usage_error.
  void run();

 private:
  /// False when the user wants to leave; so do the two it calls.
  bool take_patiently(const entry& said);
  bool take(const entry& said);
  bool obey(const std::string& verb, const std::string& rest);
  void say(const std::string& text, std::uint64_t seed);
  void cancelled(std::size_t answer_bytes);
  void open(rpc::conversation other, bool show);
  void make(const std::string& name);
  void leave() noexcept;
  void fork_before(std::uint32_t message);
  void edit(const std::string& rest);
  void regenerate(const std::string& rest);
  void show_said(std::uint32_t first);
  void show_recent();
  void show_info();
  std::uint64_t seed() const { return options_.seed ? *options_.seed : options_.new_seed(); }
  void note(const std::string& line) const;

  rpc::client client_;
  rpc::conversation conversation_;
  session_options options_;
  std::unique_ptr<input> input_;
  bool blank_;                    ///< it was made here without a name, and nothing was said in it
  bool interrupted_ = false;      ///< by ^C, and nothing was typed since: another one leaves
  bool turn_may_linger_ = false;  ///< a turn was cancelled, and may hold the conversation for a moment
};

}  // namespace chromatin::chat

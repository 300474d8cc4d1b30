#pragma once

/// What `chromatin bench served` is made of: each part prints figures as they come and keeps them for --json.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "actors/talk.hpp"
#include "io/progress.hpp"
#include "model/checkpoint.hpp"

namespace chromatin::bench {

struct served_flags {
  std::string llama_cpp, json;
  std::filesystem::path work, embedded;
  std::uint32_t threads = 0;
  std::uint32_t rounds = 40;
  std::vector<std::string> only;  ///< of the parts' names; empty: all
};

class served_report {
 public:
  /// In a terminal the seconds go by between lines from now on.
  void begin(const std::string& part);
  void end() { waiting_.reset(); }
  /// A line of its own, for people.
  void line(const std::string& text);
  /// A figure, with what is asked for: at most or at least so much.
  void at_most(const std::string& name, double value, const char* unit, double asked);
  void at_least(const std::string& name, double value, const char* unit, double asked);

  nlohmann::ordered_json json;

 private:
  void figure(const std::string& name, double value, const char* unit, const char* how, double asked, bool met);

  std::string part_;
  std::optional<io::waiting_line> waiting_;
};

/// Conversations in turn, beside llama.cpp's server.
void against_llama_cpp(served_report& report, const served_flags& flags);
/// What a request and a streamed token cost more over HTTP than over RPC.
void http_over_rpc(served_report& report, const served_flags& flags);
/// Many streams at once.
void many_streams(served_report& report, const served_flags& flags);
/// How much of what is resent is reused, and whether the answers are those of RPC.
void resent_histories(served_report& report, const served_flags& flags);

/// Messages of the bundled conversations, one conversation after the other, for whoever needs a long text of two people
/// who take turns.
class message_source {
 public:
  /// Begins with conversation `first`; all over again when there are no more.
  message_source(const std::vector<message_list>& conversations, std::size_t first)
      : conversations_{conversations}, conversation_{first % conversations.size()} {}
  /// The next message of this role.
  model::message next(const std::string& role);

 private:
  const std::vector<message_list>& conversations_;
  std::size_t conversation_, message_ = 0;
};

/// What the users of one sitting say.
using user_turns = std::vector<std::string>;
/// So many conversations are joined to each sitting.
std::vector<user_turns> users_of(const std::vector<message_list>& conversations, std::size_t join);

/// Those of a file of assets/conversations. Throws std::runtime_error that names the file and the line.
std::vector<message_list> read_conversations(const std::string& name);

}  // namespace chromatin::bench

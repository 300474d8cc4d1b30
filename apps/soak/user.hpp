#pragma once

/// A user of a soak, a tenant of its own: talks, forks, goes back and says something else, truncates, forgets, cancels.
/// Each thing that was done is done again on a server that nothing happens to, and compared. One thread.

#include <optional>

#include "apps/soak/checks.hpp"
#include "apps/soak/ground.hpp"
#include "rpc/client.hpp"

namespace chromatin::soak {

class user {
 public:
  user(ground& shared, std::size_t number, std::uint64_t seed);
  /// Until the ground is stopped, or all is finished: then every conversation is compared with what was acknowledged.
  void run();

 private:
  struct conversation {
    std::string name;
    std::string system;  ///< prompt; empty: none
    message_list known;  ///< acknowledged, without the system prompt
  };
  enum class ending : std::uint8_t { done, refused, unknown };

  std::uint64_t draw(std::uint64_t below) { return random_() % below; }
  std::string next_text();
  rpc::say_options next_turn();
  void act();
  void say(conversation& c);
  void cancel(conversation& c);
  void fork(conversation& c);
  void truncate(conversation& c);
  void forget(conversation& c);
  void read(conversation& c);
  void meet_a_stranger();
  void check_all();

  /// Runs a call on the server. Refused: it said so, and did nothing; unknown: the server went away, or its store did.
  template <class Call>
  ending attempt(const char* what, Call call);
  /// The same until the server could answer; false when the soak ends before.
  template <class Call>
  bool insist(const char* what, Call call);
  rpc::client& server();
  void settle_doubt(conversation& c, const rpc::say_options& turn);
  /// `may_be_cut`: the server may have been told to stop in mid-answer.
  void stored(conversation& c, const rpc::say_options& turn, const std::string& answer, bool may_be_cut);
  template <class Call>
  void on_reference(const char* what, Call call);
  std::optional<message_list> transcript_of(const conversation& c);

  ground& ground_;
  std::size_t number_;
  std::mt19937_64 random_;
  std::string tenant_;
  std::optional<rpc::client> server_;
  rpc::client reference_;
  std::vector<conversation> conversations_;
  std::size_t next_text_;
  std::string last_error_;  ///< its code
};

}  // namespace chromatin::soak

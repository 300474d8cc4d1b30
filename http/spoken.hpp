#pragma once

/// Turns whose answers go to a client of HTTP. What goes wrong rejects the promise, with what from_actor() reads. Event
/// loop thread only.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "http/matching.hpp"
#include "http/service.hpp"
#include "rpc/answering.hpp"

namespace chromatin::http {

/// Who asks.
struct asker {
  std::shared_ptr<rpc::connection_account> account;
  std::string tenant;
};

/// What is said: the last of the messages, and before it what is not known where it is said.
struct speech {
  std::vector<model::message> messages;
  model::sampling sampling;
  std::uint8_t priority = 50;
  kv::retention keep;
  std::string salt;  ///< of the client's
};

using rpc::turn_place;

/// For so many turns, all or none, which `field` asks for. Throws error.
std::vector<turn_place> take_places(const service_parts& parts, const asker& who, std::size_t count, const char* field);

/// An answer that has begun. When it goes before its end, so does the turn.
struct spoken {
  std::string conversation;
  std::shared_ptr<rpc::answering> turn;  ///< with the statistics, when it is over
  kj::Promise<void> said = nullptr;
  rpc::answer_piece first;
};
using spoken_ptr = std::shared_ptr<spoken>;

/// Runs something made of these, which lives until it is done or nobody waits for it.
template <class Turn, class... Parts>
kj::Promise<void> run_to_its_end(Parts&&... parts) {
  auto turn = std::make_shared<Turn>(std::forward<Parts>(parts)...);
  auto done = turn->run();
  return done.attach(kj::heap(std::move(turn)));
}

/// What such a rejection says.
error error_of(const kj::Exception& failure);

/// Begins a turn; fulfilled with the first piece of its answer.
kj::Promise<spoken_ptr> speak(const service_parts& parts, const asker& who, turn_place counted, say_request order);
/// The turn that says this at a place.
say_request saying(const asker& who, const speech& what, const place& at);

/// Begins one that says this there. Where another turn is under way, or has changed it, it is said in a fork, unless a
/// client named the place.
kj::Promise<spoken_ptr> speak_at(const service_parts& parts, const asker& who, turn_place counted, const speech& what,
                                 const place& at);

/// Gives every piece to `take`, the next when it is done with the one before. Over with the answer.
kj::Promise<void> each_piece(spoken_ptr from, std::function<kj::Promise<void>(rpc::answer_piece)> take);
/// All of the answer in one piece.
kj::Promise<rpc::answer_piece> gather(const spoken_ptr& from);

}  // namespace chromatin::http

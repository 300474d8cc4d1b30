#pragma once

/// One turn that is answered to a client of any protocol. Event loop thread only.

#include <memory>
#include <string>

#include "rpc/service.hpp"
#include "rpc/text_queue.hpp"

namespace chromatin::rpc {

/// That a client's turn is one of those that may be under way. Shared with who says it again elsewhere if it is
/// refused.
using turn_place = std::shared_ptr<connection_account::hold>;

/// Counts as a turn under way until that is over. When it goes before its end, so does the turn.
struct answering {
  answering(service_context& of, std::shared_ptr<connection_account> client, turn_place counted);
  ~answering();
  answering(const answering&) = delete;
  answering& operator=(const answering&) = delete;

  /// It is over, and others of its client may have its place, whether the answer is taken or not: what is not taken
  /// counts among the bytes that the client may hold. Where that is too much, the place stays until it is taken.
  void leave_place();

  service_context& context;
  std::shared_ptr<connection_account> account;
  turn_id id;
  turn_place place;
  connection_account::hold not_taken;  ///< of the answer, when the turn is over
  kj::TimePoint begun;
  std::shared_ptr<text_queue> text = std::make_shared<text_queue>();  ///< closed when the turn is over
  turn_statistics statistics;
  kj::Maybe<kj::Exception> error;  ///< as rpc/ask.hpp makes them
  bool done = false;
};

/// Says it for this client, with the turn's own number; `turn->text` has the answer as it comes. Keep the promise until
/// the turn is over.
kj::Promise<void> say(std::shared_ptr<answering> turn, say_request request);

/// `taken`, unless that takes too long (rpc/taking.hpp).
kj::Promise<void> in_time(std::shared_ptr<answering> turn, kj::Promise<void> taken);

/// A name for what nobody named.
std::string random_name();

/// A refusal as an actor's error would be.
kj::Exception to_exception(const refusal& why);

}  // namespace chromatin::rpc

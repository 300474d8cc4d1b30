#pragma once

/// One turn that is answered to a client of any protocol. Event loop thread only.

#include <memory>
#include <string>

#include "rpc/service.hpp"
#include "rpc/text_queue.hpp"

namespace chromatin::rpc {

/// Counts as a turn under way as long as it exists. When it goes before its end, so does the turn.
struct answering {
  answering(service_context& of, std::shared_ptr<connection_account> client, connection_account::hold place);
  ~answering();
  answering(const answering&) = delete;
  answering& operator=(const answering&) = delete;

  service_context& context;
  std::shared_ptr<connection_account> account;
  turn_id id;
  connection_account::hold held;
  kj::TimePoint begun;
  std::shared_ptr<text_queue> text = std::make_shared<text_queue>();  ///< closed when the turn is over
  turn_statistics statistics;
  kj::Maybe<kj::Exception> error;  ///< as rpc/ask.hpp makes them
  bool done = false;
};

/// Says it for this client, with the turn's own number; `turn->text` has the answer as it comes. Keep the promise until
/// the turn is over.
kj::Promise<void> say(std::shared_ptr<answering> turn, say_request request);

/// A name for what nobody named.
std::string random_name();

/// A refusal as an actor's error would be.
kj::Exception to_exception(const refusal& why);

}  // namespace chromatin::rpc

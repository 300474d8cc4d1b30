#pragma once

/// The capabilities that a connection is served with. Event loop thread only.

#include <functional>
#include <optional>
#include <string>

#include <kj/async-io.h>
#include <kj/timer.h>

#include "actors/actors.hpp"
#include "rpc/door.hpp"
#include "rpc/tokens.hpp"
#include "schema/chromatin.capnp.h"

namespace chromatin::rpc {

/// What every capability needs. Lives as long as the event loop.
struct service_context {
  caf::actor_system& system;
  gateway_actor gateway;
  telemetry_actor telemetry;
  supervisor_actor supervisor;  ///< null: parts cannot be taken out from here
  token_list tokens;
  std::uint32_t answer_tokens_default;
  chromatin::rpc::door door;
  kj::Timer* timer = nullptr;
  std::uint32_t turns = 0;  ///< calls of `say` under way
  kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> idle = nullptr;

  /// Fulfilled when no turn is under way.
  kj::Promise<void> when_idle() {
    if (turns == 0) return kj::READY_NOW;
    auto pair = kj::newPromiseAndFulfiller<void>();
    idle = kj::mv(pair.fulfiller);
    return kj::mv(pair.promise);
  }
  void tell_idle() {
    KJ_IF_MAYBE (who, idle) (*who)->fulfill();
  }
};

/// Whom a token stands for.
struct caller {
  std::string tenant;
  bool sees_all = false;  ///< the whole server's counters
};
/// Nothing, and counted, for a token that is not known; everybody is "default" where there are none.
std::optional<caller> caller_of(service_context& context, const std::string& token);

/// Of every part of the server, the door among them.
kj::Promise<std::vector<counters>> counters_of_all(service_context& context);

/// Takes a connection that came.
using connection_taker = std::function<void(kj::Own<kj::AsyncIoStream>)>;

/// What another protocol needs to be served beside RPC.
struct server_loop {
  service_context& context;
  /// Every connection to the address is given to `take` until the server accepts nobody any more. The address with its
  /// real port number. Throws server_error, also for one that other machines reach where there are no tokens.
  std::function<std::string(const std::string& address, connection_taker take)> listen;
  kj::TaskSet& tasks;  ///< end with the loop
};

/// The bootstrap capability of one connection. `logged_in` is called with the token that was right.
schema::Gate::Client make_gate(service_context& context, std::shared_ptr<connection_account> account,
                               std::function<void(const std::string& token)> logged_in);
/// One that lets nobody in, and says why.
schema::Gate::Client make_closed_gate(refusal why);

}  // namespace chromatin::rpc

#pragma once

/// The capabilities a connection is served with. Event loop thread only.

#include "actors/actors.hpp"
#include "rpc/server.hpp"
#include "schema/chromatin.capnp.h"

namespace chromatin::rpc {

/// What every capability needs. Lives as long as the event loop.
struct service_context {
  caf::actor_system& system;
  gateway_actor gateway;
  telemetry_actor telemetry;
  std::map<std::string, std::string> tokens;
  std::uint32_t answer_tokens_default;
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

/// The bootstrap capability.
schema::Gate::Client make_gate(service_context& context);

}  // namespace chromatin::rpc

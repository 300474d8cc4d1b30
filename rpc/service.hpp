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
};

/// The bootstrap capability.
schema::Gate::Client make_gate(service_context& context);

}  // namespace chromatin::rpc

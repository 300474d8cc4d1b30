#pragma once

/// Serves the RPC interface (schema/chromatin.capnp) on TCP and Unix sockets from one event loop in a thread of its
/// own.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "actors/actors.hpp"
#include "rpc/door.hpp"
#include "rpc/tokens.hpp"

namespace chromatin::rpc {

/// A server that cannot start: one line that says why, and the way out.
struct server_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct server_loop;

struct server_options {
  std::vector<std::string> listen;            ///< rpc/address.hpp
  token_list tokens;                          ///< none: everybody is the tenant "default", on this machine only
  std::uint32_t answer_tokens_default = 256;  ///< when a request names no limit
  door_limits limits;
  /// Called in the server's thread before it serves: another protocol listens, on the same loop (rpc/service.hpp). What
  /// it throws ends the start.
  std::function<void(server_loop&)> beside;
};

class server {
 public:
  /// Listens when it returns. The actors must live until the server is gone. Throws server_error.
  server(caf::actor_system& system, gateway_actor gateway, telemetry_actor telemetry, supervisor_actor supervisor,
         const server_options& options);
  /// Closes all connections; turns under way are cancelled.
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// From now on these tokens count; connections whose token is not among them, or another tenant's, are closed.
  void set_tokens(token_list tokens);

  /// Accepts nobody any more, and waits until no turn is under way and each of their calls was answered, at most
  /// `bound`. False if some still are. The turns must come to an end by themselves (the gateway's `stop`). Once only.
  bool finish_turns(std::chrono::milliseconds bound);

  /// Where it listens, with real port numbers, in the order of the options; what rpc::client takes.
  const std::vector<std::string>& addresses() const;

 private:
  struct implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace chromatin::rpc

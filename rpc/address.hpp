#pragma once

/// The addresses that a server listens on, and their sockets. Errors are server_error: one line that names the address
/// and the way out.

#include <cstdint>
#include <string>
#include <vector>

#include <kj/io.h>

namespace chromatin::rpc {

/// "unix:PATH", "HOST:PORT" (IPv4 address or name) or "[HOST]:PORT" (IPv6), as it was written. `localhost` is this
/// machine in both families, `*` every address of it; both without a name server, and so is whatever begins with 127.
struct address {
  std::string text;
  std::string path;  ///< of a Unix socket; empty otherwise
  std::string host;  ///< without brackets
  std::uint16_t port = 0;

  bool is_unix() const { return !path.empty(); }
  /// Only this machine reaches it.
  bool is_local() const;
};

address parse_address(const std::string& text);

struct listening_sockets {
  std::vector<kj::AutoCloseFd> sockets;  ///< bound, listening, non-blocking
  std::string text;                      ///< the address with its real port
};

/// Binds it. A Unix socket is for its owner only; a socket file that nobody listens on is replaced.
listening_sockets listen_on(const address& at);

}  // namespace chromatin::rpc

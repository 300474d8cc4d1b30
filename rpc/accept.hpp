#pragma once

/// Connections as the kernel gives them.

#include <optional>
#include <string>

#include <kj/async-io.h>
#include <kj/io.h>

namespace chromatin::rpc {

struct arrival {
  kj::AutoCloseFd fd;  ///< does not block
  std::string peer;    ///< an address, or on a Unix socket a user
};

/// The next who waits at a listening socket that does not block; nothing if nobody does. Throws kj::Exception for a
/// lack of files or memory, which may be over later.
std::optional<arrival> accept_from(int listening_fd);

/// A stream that bytes are sent on at once.
kj::Own<kj::AsyncIoStream> stream_of(kj::LowLevelAsyncIoProvider& provider, kj::AutoCloseFd fd);

/// Who is at the other end, as in arrival.
std::string peer_of(kj::AsyncIoStream& stream);

}  // namespace chromatin::rpc

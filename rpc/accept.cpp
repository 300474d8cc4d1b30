#include "rpc/accept.hpp"

#include <cerrno>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <kj/debug.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace chromatin::rpc {
namespace {

/// Empty where the address is none of the network's.
std::string words_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof text);
  if (address.ss_family == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text, sizeof text);
  return text[0] == 0 ? std::string{} : std::string{"address "} + text;
}

std::string words_of(const ucred& who) { return fmt::format("user {}", who.uid); }

}  // namespace

std::optional<arrival> accept_from(int listening_fd) {
  for (;;) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    kj::AutoCloseFd fd{
        ::accept4(listening_fd, reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (fd.get() < 0) {
      int error = errno;
      if (error == EAGAIN) return {};
      if (error == EINTR || error == ECONNABORTED || error == EPROTO) continue;  // that one is gone already
      KJ_FAIL_SYSCALL("accept4", error);
    }
    auto peer = words_of(address);
    if (peer.empty()) {
      ucred who{};
      socklen_t length = sizeof who;
      ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length);
      peer = words_of(who);
    }
    return arrival{kj::mv(fd), std::move(peer)};
  }
}

kj::Own<kj::AsyncIoStream> stream_of(kj::LowLevelAsyncIoProvider& provider, kj::AutoCloseFd fd) {
  using io_flags = kj::LowLevelAsyncIoProvider;
  int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // fails on a Unix socket, which does not wait anyway
  return provider.wrapSocketFd(kj::mv(fd), io_flags::ALREADY_CLOEXEC | io_flags::ALREADY_NONBLOCK);
}

std::string peer_of(kj::AsyncIoStream& stream) {
  sockaddr_storage address{};
  kj::uint size = sizeof address;
  stream.getpeername(reinterpret_cast<sockaddr*>(&address), &size);
  if (auto peer = words_of(address); !peer.empty()) return peer;
  ucred who{};
  kj::uint length = sizeof who;
  stream.getsockopt(SOL_SOCKET, SO_PEERCRED, &who, &length);
  return words_of(who);
}

}  // namespace chromatin::rpc

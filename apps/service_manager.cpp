#include "apps/service_manager.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace chromatin {
namespace {

/// Zero, or why the datagram could not be sent.
int send_to(std::string_view where, std::string_view state) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (where.size() >= sizeof to.sun_path) return ENAMETOOLONG;
  where.copy(to.sun_path, where.size());
  if (where.front() == '@') to.sun_path[0] = '\0';  // an abstract socket
  int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return errno;
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + where.size());
  auto sent = ::sendto(socket, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), size);
  int error = sent < 0 ? errno : 0;
  ::close(socket);
  return error;
}

}  // namespace

void tell_service_manager(std::string_view state) {
  const char* where = std::getenv("NOTIFY_SOCKET");
  if (!where || !*where) return;
  if (int error = send_to(where, state))
    spdlog::warn("NOTIFY_SOCKET={}: {} was not sent: {}", where, state, std::strerror(error));
}

}  // namespace chromatin

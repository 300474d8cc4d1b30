#pragma once

/// Ports that nobody listens on.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace chromatin::test {

/// Of this machine, all different.
inline std::vector<std::uint16_t> free_ports(std::size_t count) {
  std::vector<int> sockets;
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < count; ++i) {
    sockets.push_back(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in at{};
    socklen_t size = sizeof at;
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* address = reinterpret_cast<sockaddr*>(&at);
    if (::bind(sockets[i], address, size) != 0 || ::getsockname(sockets[i], address, &size) != 0)
      throw std::runtime_error("no port is free");
    ports.push_back(ntohs(at.sin_port));
  }
  for (int socket : sockets) ::close(socket);
  return ports;
}

}  // namespace chromatin::test

#include "io/free_ports.hpp"

#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "io/segments.hpp"

namespace chromatin::io {

std::vector<std::uint16_t> free_ports(std::size_t count) {
  std::vector<file_descriptor> sockets;  // all open until the last is known
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < count; ++i) {
    sockets.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    socklen_t size = sizeof at;
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* address = reinterpret_cast<sockaddr*>(&at);
    if (::bind(sockets.back().get(), address, size) != 0 || ::getsockname(sockets.back().get(), address, &size) != 0)
      throw std::runtime_error("no port is free");
    ports.push_back(ntohs(at.sin_port));
  }
  return ports;
}

}  // namespace chromatin::io

#include "bench/served/connection.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/served/http_response.hpp"
#include "io/free_ports.hpp"

namespace chromatin::bench {
namespace {

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

sockaddr_in parse(const std::string& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  auto colon = address.rfind(':');
  if (colon == address.npos || ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr) != 1)
    throw std::runtime_error(address + " is not an address such as 127.0.0.1:8080");
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1))));
  return to;
}

}  // namespace

tcp_connection::tcp_connection(const std::string& address) : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
  auto to = parse(address);
  int now = 1;  // what is small must not wait for more
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return;
  auto error = errno;
  ::close(socket_);
  errno = error;
  fail(address);
}

tcp_connection::~tcp_connection() { ::close(socket_); }

void tcp_connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0) fail("a request cannot be sent");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string tcp_connection::receive() {
  char buffer[1 << 16];
  auto n = ::recv(socket_, buffer, sizeof buffer, 0);
  if (n < 0) fail("a response cannot be read");
  if (n == 0) throw std::runtime_error("a server closed the connection before its response was complete");
  return {buffer, static_cast<std::size_t>(n)};
}

std::string post_of(std::string_view path, const nlohmann::ordered_json& body) {
  auto text = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", path,
      text.size(), text);
}

std::string answer_to(const std::string& address, std::string_view path, const nlohmann::ordered_json& body) {
  tcp_connection connection{address};
  connection.send(post_of(path, body));
  response_reader response;
  std::string text;
  while (!response.done()) response.feed(connection.receive(), [&](std::string_view part) { text += part; });
  if (response.status() != 200) throw std::runtime_error("a server refused: " + text);
  return text;
}

bool is_served(const std::string& address, std::string_view path) try {
  tcp_connection connection{address};
  connection.send(fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", path));
  response_reader response;
  while (!response.done()) response.feed(connection.receive(), [](std::string_view) {});
  return response.status() == 200;
} catch (const std::runtime_error&) {
  return false;
}

std::string free_address() { return fmt::format("127.0.0.1:{}", io::free_ports(1).front()); }

}  // namespace chromatin::bench

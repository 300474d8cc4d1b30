#pragma once

/// A client of HTTP/1.1 of a few lines: one request on one connection, all that comes back.

#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <unistd.h>

namespace chromatin::test {

struct http_reply {
  int status = 0;
  std::string head, body;

  nlohmann::json json() const { return nlohmann::json::parse(body); }
  /// Of a header, by its name as it was sent; empty if it is not there.
  std::string header(const std::string& name) const {
    auto at = head.find("\r\n" + name + ": ");
    if (at == head.npos) return {};
    at += name.size() + 4;
    return head.substr(at, head.find("\r\n", at) - at);
  }
};

class http_connection {
 public:
  /// `room_bytes`: so much of what is not read yet is taken, about; 0: what is usual.
  explicit http_connection(std::uint16_t port, int room_bytes = 0) : socket_{::socket(AF_INET, SOCK_STREAM, 0)} {
    if (room_bytes > 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &room_bytes, sizeof room_bytes);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error(std::string{"connect: "} + std::strerror(errno));
  }
  ~http_connection() { ::close(socket_); }
  http_connection(const http_connection&) = delete;
  http_connection& operator=(const http_connection&) = delete;

  void send(const std::string& bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
      auto n = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;  // the server has heard enough
      sent += static_cast<std::size_t>(n);
    }
  }
  /// Some bytes; empty: the end.
  std::string some() {
    char buffer[4096];
    auto n = ::recv(socket_, buffer, sizeof buffer, 0);
    return {buffer, n > 0 ? static_cast<std::size_t>(n) : 0};
  }
  /// All that still comes, until the server closes the connection.
  std::string rest() {
    while (receive()) {
    }
    return std::exchange(received_, {});
  }
  /// The next response.
  http_reply reply() {
    http_reply r;
    auto end = received_up_to("\r\n\r\n", 0);
    if (end == received_.npos) return r;
    r.head = received_.substr(0, end + 2);
    received_.erase(0, end + 4);
    r.status = std::atoi(r.head.c_str() + r.head.find(' '));
    if (r.header("Transfer-Encoding") == "chunked") return r.body = take_chunks(), r;
    auto size = std::stoul("0" + r.header("Content-Length"));
    while (received_.size() < size && receive()) {
    }
    r.body = received_.substr(0, size);
    received_.erase(0, size);
    return r;
  }

 private:
  bool receive() {
    auto more = some();
    received_ += more;
    return !more.empty();
  }
  std::size_t received_up_to(const char* mark, std::size_t from) {
    auto at = received_.find(mark, from);
    while (at == received_.npos && receive()) at = received_.find(mark, from);
    return at;
  }
  std::string take_chunks() {
    std::string all;
    while (true) {
      auto line = received_up_to("\r\n", 0);
      if (line == received_.npos) return all;
      auto size = std::stoul(received_, nullptr, 16);
      while (received_.size() < line + 2 + size + 2 && receive()) {
      }
      all += received_.substr(line + 2, size);
      received_.erase(0, line + 2 + size + 2);
      if (size == 0) return all;
    }
  }

  int socket_;
  std::string received_;
};

inline std::string http_request(const std::string& method, const std::string& path, const std::string& body,
                                const std::string& token = {}) {
  auto head = method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n";
  if (!token.empty()) head += "Authorization: Bearer " + token + "\r\n";
  if (!body.empty() || method == "POST") head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return head + "\r\n" + body;
}

}  // namespace chromatin::test

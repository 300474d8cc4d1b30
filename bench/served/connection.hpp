#pragma once

/// A client's side of HTTP/1.1: the socket and what is sent. Blocking, one thread at a time. Errors are
/// std::runtime_error with one line.

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace chromatin::bench {

class tcp_connection {
 public:
  /// "HOST:PORT", the host as an IPv4 number.
  explicit tcp_connection(const std::string& address);
  ~tcp_connection();
  tcp_connection(const tcp_connection&) = delete;
  tcp_connection& operator=(const tcp_connection&) = delete;

  void send(std::string_view bytes);
  /// What has come, at least a byte; waits for it.
  std::string receive();
  int socket() const { return socket_; }

 private:
  int socket_;
};

/// A POST, head and body.
std::string post_of(std::string_view path, const nlohmann::ordered_json& body);

/// The body of the answer to such a POST. Throws unless its status is 200.
std::string answer_to(const std::string& address, std::string_view path, const nlohmann::ordered_json& body);

/// Whether GET of a path is answered with 200; false also where nobody listens.
bool is_served(const std::string& address, std::string_view path);

/// "127.0.0.1:PORT", where nobody listens yet.
std::string free_address();

}  // namespace chromatin::bench

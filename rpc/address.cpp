#include "rpc/address.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/server.hpp"

namespace chromatin::rpc {
namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr int backlog = 4096;
/// With port 0 the second family of `localhost` may find the first one's port taken.
constexpr int port_attempts = 16;

/// A socket address of either family.
struct endpoint {
  sockaddr_storage storage{};
  socklen_t size = 0;

  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  bool is_local() const {
    if (family() == AF_INET) {
      auto host = ntohl(reinterpret_cast<const sockaddr_in&>(storage).sin_addr.s_addr);
      return host >> 24 == 127;
    }
    const auto& host = reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&host) || (IN6_IS_ADDR_V4MAPPED(&host) && host.s6_addr[12] == 127);
  }
  void set_port(std::uint16_t port) {
    if (family() == AF_INET)
      reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
    else
      reinterpret_cast<sockaddr_in6&>(storage).sin6_port = htons(port);
  }
};

/// The endpoint of a literal; nothing for a name.
bool read_literal(const std::string& host, endpoint& to) {
  auto& four = reinterpret_cast<sockaddr_in&>(to.storage);
  if (::inet_pton(AF_INET, host.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    to.size = sizeof four;
    return true;
  }
  auto& six = reinterpret_cast<sockaddr_in6&>(to.storage);
  if (::inet_pton(AF_INET6, host.c_str(), &six.sin6_addr) != 1) return false;
  six.sin6_family = AF_INET6;
  to.size = sizeof six;
  return true;
}

std::vector<endpoint> literals(std::initializer_list<const char*> hosts) {
  std::vector<endpoint> all;
  for (const auto* host : hosts) read_literal(host, all.emplace_back());
  return all;
}

std::vector<endpoint> resolve(const address& at) {
  if (at.host == "localhost") return literals({"127.0.0.1", "::1"});
  if (at.host == "*") return literals({"0.0.0.0", "::"});
  std::vector<endpoint> all(1);
  if (read_literal(at.host, all[0])) return all;
  all.clear();
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE;
  if (int code = ::getaddrinfo(at.host.c_str(), nullptr, &wanted, &found); code != 0)
    throw server_error(fmt::format("{}: the name {} is not known ({})", at.text, at.host, ::gai_strerror(code)));
  for (auto* a = found; a; a = a->ai_next) {
    if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
    auto& to = all.emplace_back();
    std::memcpy(&to.storage, a->ai_addr, a->ai_addrlen);
    to.size = a->ai_addrlen;
  }
  ::freeaddrinfo(found);
  if (all.empty()) throw server_error(fmt::format("{}: the name {} has no internet address", at.text, at.host));
  return all;
}

/// What the kernel's word means for whoever starts the server.
std::string words_for(const address& at, int error) {
  switch (error) {
    case EADDRINUSE:
      return fmt::format("{}: another program listens there; stop it or choose another port", at.text);
    case EACCES:
      return at.is_unix() ? fmt::format("{}: this user may not write there; choose another folder", at.text)
                          : fmt::format("{}: this user may not listen there; ports from 1024 on are free", at.text);
    case EADDRNOTAVAIL:
      return fmt::format("{}: this machine has no such address", at.text);
    case EAFNOSUPPORT:
      return fmt::format("{}: this machine has no such kind of address", at.text);
    case ENOENT:
      return fmt::format("{}: there is no such folder", at.text);
    default:
      return fmt::format("{}: cannot be listened on: {}", at.text, std::strerror(error));
  }
}

/// Makes, binds and listens; errno if the kernel refuses.
int open_socket(const endpoint& at, kj::AutoCloseFd& to) {
  kj::AutoCloseFd fd{::socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (fd.get() < 0) return errno;
  int on = 1;
  if (at.family() != AF_UNIX) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (at.family() == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(fd, at.get(), at.size) != 0 || ::listen(fd, backlog) != 0) return errno;
  to = kj::mv(fd);
  return 0;
}

std::uint16_t port_of(int fd) {
  endpoint bound;
  bound.size = sizeof bound.storage;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound.storage), &bound.size);
  return ntohs(bound.family() == AF_INET ? reinterpret_cast<sockaddr_in&>(bound.storage).sin_port
                                         : reinterpret_cast<sockaddr_in6&>(bound.storage).sin6_port);
}

/// All families of one address on one port; a family that the machine does not have is left out where another is
/// there. errno if the kernel refuses.
int open_sockets(std::vector<endpoint> endpoints, std::uint16_t port, listening_sockets& to) {
  int refused = 0;
  for (auto& e : endpoints) {
    e.set_port(port);
    kj::AutoCloseFd fd;
    int error = open_socket(e, fd);
    bool absent = error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
    if (error != 0 && !(absent && endpoints.size() > 1)) return error;
    if (error != 0) {
      refused = error;
      continue;
    }
    port = port_of(fd);
    to.sockets.push_back(kj::mv(fd));
  }
  return to.sockets.empty() ? refused : 0;
}

listening_sockets listen_on_network(const address& at) {
  auto endpoints = resolve(at);
  for (int attempt = 1;; ++attempt) {
    listening_sockets result;
    int error = open_sockets(endpoints, at.port, result);
    if (error == 0) {
      result.text = fmt::format("{}:{}", at.text.substr(0, at.text.rfind(':')), port_of(result.sockets[0]));
      return result;
    }
    if (error != EADDRINUSE || at.port != 0 || attempt == port_attempts) throw server_error(words_for(at, error));
  }
}

endpoint endpoint_of(const std::string& path) {
  endpoint e;
  auto& name = reinterpret_cast<sockaddr_un&>(e.storage);
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof name.sun_path - 1);
  e.size = sizeof name;
  return e;
}

/// A socket file that nobody listens on is left over from a server that died: it is removed.
void clear_stale_socket(const address& at) {
  struct stat status {};
  if (::lstat(at.path.c_str(), &status) != 0) return;
  if (!S_ISSOCK(status.st_mode)) throw server_error(fmt::format("{} exists and is not a socket", at.path));
  auto e = endpoint_of(at.path);
  kj::AutoCloseFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (::connect(fd, e.get(), e.size) == 0)
    throw server_error(fmt::format("another server listens on {}; stop it or choose another socket", at.path));
  ::unlink(at.path.c_str());
}

}  // namespace

bool address::is_local() const {
  if (is_unix() || host == "localhost") return true;
  endpoint e;
  return read_literal(host, e) && e.is_local();
}

address parse_address(const std::string& text) {
  address result{.text = text, .path = {}, .host = {}};
  if (text.starts_with(unix_prefix)) {
    result.path = text.substr(unix_prefix.size());
    if (result.path.empty() || result.path.size() >= sizeof sockaddr_un{}.sun_path)
      throw server_error(
          fmt::format("{}: a socket's path has 1 to {} characters", text, sizeof sockaddr_un{}.sun_path - 1));
    return result;
  }
  auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0)
    throw server_error(fmt::format("{}: an address is HOST:PORT, [IPV6]:PORT or unix:PATH", text));
  auto port = std::string_view{text}.substr(colon + 1);
  auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (port.empty() || error != std::errc{} || end != port.data() + port.size())
    throw server_error(fmt::format("{}: a port is a number from 0 (any free one) to 65535", text));
  result.host = text.substr(0, colon);
  bool bracketed = result.host.front() == '[' && result.host.back() == ']';
  if (bracketed) result.host = result.host.substr(1, result.host.size() - 2);
  endpoint e;
  bool literal = read_literal(result.host, e);
  if (bracketed != (literal && e.family() == AF_INET6))
    throw server_error(fmt::format("{}: an IPv6 address, and nothing else, stands in brackets: [::1]:7411", text));
  if (!literal && (result.host.starts_with("127") || result.host.find_first_not_of("0123456789.") == std::string::npos))
    throw server_error(fmt::format("{}: {} is no IPv4 address; this machine is 127.0.0.1", text, result.host));
  return result;
}

listening_sockets listen_on(const address& at) {
  if (!at.is_unix()) return listen_on_network(at);
  clear_stale_socket(at);
  listening_sockets result;
  auto old_mask = ::umask(0177);
  int error = open_socket(endpoint_of(at.path), result.sockets.emplace_back());
  ::umask(old_mask);
  if (error != 0) throw server_error(words_for(at, error));
  result.text = at.text;
  return result;
}

}  // namespace chromatin::rpc

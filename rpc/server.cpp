#include "rpc/server.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include <capnp/rpc-twoparty.h>
#include <fmt/format.h>
#include <kj/async-io.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/service.hpp"

namespace chromatin::rpc {
namespace {

constexpr std::string_view unix_prefix = "unix:";
/// Between two attempts to accept after one that failed: whoever waits in the line meanwhile is served then.
constexpr auto accept_pause = 50 * kj::MILLISECONDS;

bool is_loopback(std::string_view address) {
  auto host = address.substr(0, address.rfind(':'));
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

/// A socket file that nobody listens on is left over from a server that died: it is removed.
void clear_stale_socket(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return;
  if (!S_ISSOCK(status.st_mode)) throw server_error(fmt::format("{} exists and is not a socket", path));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool alive = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  if (alive) throw server_error(fmt::format("another server listens on {}; stop it or choose another socket", path));
  ::unlink(path.c_str());
}

void check_address(const std::string& address, bool has_tokens) {
  if (address.starts_with(unix_prefix)) {
    auto path = address.substr(unix_prefix.size());
    if (path.empty() || path.size() >= sizeof sockaddr_un{}.sun_path)
      throw server_error(
          fmt::format("{}: a socket's path has 1 to {} characters", address, sizeof sockaddr_un{}.sun_path - 1));
    clear_stale_socket(path);
  } else if (address.rfind(':') == std::string::npos) {
    throw server_error(fmt::format("{}: an address is HOST:PORT or unix:PATH", address));
  } else if (!has_tokens && !is_loopback(address)) {
    throw server_error(
        fmt::format("{} is open to other machines: give --tokens FILE, or listen on 127.0.0.1", address));
  }
}

}  // namespace

struct server::implementation : private kj::TaskSet::ErrorHandler {
  implementation(service_context c, const server_options& o) : context{std::move(c)}, options{o} {}

  void run(std::promise<void>& listening);
  std::string listen_on(kj::Network& network, kj::WaitScope& scope, const std::string& address);
  kj::Promise<void> accept_all(kj::ConnectionReceiver& listener);
  void serve(kj::Own<kj::AsyncIoStream> stream);
  kj::Promise<void> finish_turns();
  void taskFailed(kj::Exception&&) override { /* a connection broke; its turns cancel themselves */
  }

  service_context context;
  server_options options;
  std::vector<std::string> addresses;
  std::vector<std::string> socket_files;
  std::thread thread;
  kj::Own<kj::CrossThreadPromiseFulfiller<void>> drain, stop;
  std::promise<void> drained;

  // Event loop thread only.
  kj::Timer* timer = nullptr;
  std::vector<kj::Own<kj::ConnectionReceiver>> listeners;
  std::unique_ptr<capnp::TwoPartyServer> connections;
  std::unique_ptr<kj::TaskSet> tasks, acceptors;
  std::uint32_t connection_count = 0;
};

std::string server::implementation::listen_on(kj::Network& network, kj::WaitScope& scope, const std::string& address) {
  check_address(address, !options.tokens.empty());
  auto parsed = network.parseAddress(address.c_str()).wait(scope);
  auto old_mask = ::umask(0177);  // a Unix socket is for its owner
  KJ_DEFER(::umask(old_mask));
  listeners.push_back(parsed->listen());
  if (address.starts_with(unix_prefix)) {
    socket_files.push_back(address.substr(unix_prefix.size()));
    return address;
  }
  return fmt::format("{}:{}", address.substr(0, address.rfind(':')), listeners.back()->getPort());
}

/// Goes on for ever: an accept that fails (no file descriptors, no memory) is tried again after a pause.
kj::Promise<void> server::implementation::accept_all(kj::ConnectionReceiver& listener) {
  return kj::evalNow([&] { return listener.accept(); })  // it may throw at once
      .then(
          [this, &listener](kj::Own<kj::AsyncIoStream> stream) {
            serve(kj::mv(stream));
            return accept_all(listener);
          },
          [this, &listener](kj::Exception&&) {
            return timer->afterDelay(accept_pause).then([this, &listener] { return accept_all(listener); });
          });
}

void server::implementation::serve(kj::Own<kj::AsyncIoStream> stream) {
  if (connection_count >= options.connections_max) return;
  ++connection_count;
  auto served = connections->accept(*stream).attach(kj::mv(stream)).attach(kj::defer([this] { --connection_count; }));
  tasks->add(kj::mv(served));
}

/// When the last turn's call is answered, its answer is still to be written: that comes before anything evaluated last.
kj::Promise<void> server::implementation::finish_turns() {
  acceptors.reset();
  listeners.clear();
  return context.when_idle().then([] { return kj::evalLast([] {}); }).then([] { return kj::evalLast([] {}); });
}

void server::implementation::run(std::promise<void>& listening) {
  bool told = false;
  try {
    auto io = kj::setupAsyncIo();
    auto stopped = kj::newPromiseAndCrossThreadFulfiller<void>(),
         draining = kj::newPromiseAndCrossThreadFulfiller<void>();
    stop = kj::mv(stopped.fulfiller);
    drain = kj::mv(draining.fulfiller);
    timer = &io.provider->getTimer();
    connections = std::make_unique<capnp::TwoPartyServer>(make_gate(context));
    tasks = std::make_unique<kj::TaskSet>(static_cast<kj::TaskSet::ErrorHandler&>(*this));
    acceptors = std::make_unique<kj::TaskSet>(static_cast<kj::TaskSet::ErrorHandler&>(*this));
    KJ_DEFER({
      acceptors.reset();
      tasks.reset();
      connections.reset();
      listeners.clear();
    });
    for (const auto& address : options.listen) {
      addresses.push_back(listen_on(io.provider->getNetwork(), io.waitScope, address));
      acceptors->add(accept_all(*listeners.back()));
    }
    tasks->add(draining.promise.then([this] { return finish_turns(); }).then([this] { drained.set_value(); }));
    told = true;
    listening.set_value();
    stopped.promise.wait(io.waitScope);
  } catch (const kj::Exception& e) {
    if (!told) listening.set_exception(std::make_exception_ptr(server_error(e.getDescription().cStr())));
  } catch (const server_error&) {
    if (!told) listening.set_exception(std::current_exception());
  }
}

server::server(caf::actor_system& system, gateway_actor gateway, telemetry_actor telemetry,
               const server_options& options)
    : implementation_{std::make_unique<implementation>(service_context{system, std::move(gateway), std::move(telemetry),
                                                                       options.tokens, options.answer_tokens_default},
                                                       options)} {
  std::promise<void> listening;
  auto ready = listening.get_future();
  implementation_->thread = std::thread{[this, &listening] { implementation_->run(listening); }};
  try {
    ready.get();
  } catch (...) {
    implementation_->thread.join();
    throw;
  }
}

server::~server() {
  implementation_->stop->fulfill();
  implementation_->thread.join();
  for (const auto& file : implementation_->socket_files) ::unlink(file.c_str());
}

bool server::finish_turns(std::chrono::milliseconds bound) {
  implementation_->drain->fulfill();
  return implementation_->drained.get_future().wait_for(bound) == std::future_status::ready;
}

const std::vector<std::string>& server::addresses() const { return implementation_->addresses; }

std::map<std::string, std::string> read_token_file(const std::string& file) {
  std::ifstream in{file};
  if (!in) throw server_error(fmt::format("{}: cannot be read", file));
  std::map<std::string, std::string> tokens;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    std::istringstream words{line.substr(0, line.find('#'))};
    std::string token, tenant, rest;
    if (!(words >> token)) continue;
    if (!(words >> tenant) || (words >> rest) || token.size() < 16)
      throw server_error(
          fmt::format("{}:{}: a line is a token of at least 16 characters and a tenant's name", file, number));
    tokens[token] = tenant;
  }
  if (tokens.empty()) throw server_error(fmt::format("{}: holds no token", file));
  return tokens;
}

}  // namespace chromatin::rpc

#include "rpc/server.hpp"

#include <algorithm>
#include <future>
#include <list>
#include <optional>
#include <ranges>
#include <thread>

#include <arpa/inet.h>
#include <capnp/rpc-twoparty.h>
#include <fmt/format.h>
#include <kj/async-io.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/address.hpp"
#include "rpc/message_stream.hpp"
#include "rpc/service.hpp"

namespace chromatin::rpc {
namespace {

/// Between two attempts to accept after one that failed: whoever waits in the line meanwhile is served then.
constexpr auto accept_pause = 50 * kj::MILLISECONDS;
/// Connections that are only told why they are not let in; more are closed without a word.
constexpr std::size_t turned_away_max = 64;
/// Among so many that came last, so many who have not logged in are a crowd; who comes then is let in with all others
/// of the pause, since to be woken for each would cost those who compute more than to serve them.
constexpr std::size_t crowd_looked_at = 128, crowd = 64;
constexpr auto crowd_pause = 5 * kj::MILLISECONDS;

using rpc_system = capnp::RpcSystem<capnp::rpc::twoparty::VatId>;

/// One connection with all that serves it. Until its first message is there that is next to nothing: who only connects
/// costs others little.
class connection {
 public:
  /// `account` is null for one that is not let in.
  connection(kj::Own<kj::AsyncIoStream> stream, service_context& context, std::shared_ptr<connection_account> of,
             refusal why)
      : account{std::move(of)},
        context_{context},
        why_{std::move(why)},
        stream_{kj::mv(stream)},
        messages_{*stream_, *context.timer, context.door, account.get()},
        closed_{kj::newPromiseAndFulfiller<void>()} {}

  /// Serves; fulfilled when the client is gone, or close() was called. Once only.
  kj::Promise<void> serve() {
    return messages_.read_ahead()
        .then([this](bool came) -> kj::Promise<void> {
          if (!came) return kj::READY_NOW;
          rpc_.emplace(messages_, gate());
          // Calls that wait for the answer to another one are nobody's yet: their bytes are bounded here.
          rpc_->system.setFlowLimit(2 * context_.door.limits.bytes_per_connection_max / sizeof(capnp::word));
          return rpc_->network.onDisconnect();
        })
        .exclusiveJoin(kj::mv(closed_.promise));
  }
  void close() { closed_.fulfiller->fulfill(); }
  bool has_spoken() const { return rpc_.has_value(); }
  bool is_stranger() const { return !account || !account->logged_in(); }

  std::shared_ptr<connection_account> account;
  std::string peer, token;

 private:
  struct rpc_side {
    rpc_side(message_stream& messages, schema::Gate::Client gate)
        : network{messages, capnp::rpc::twoparty::Side::SERVER}, system{capnp::makeRpcServer(network, kj::mv(gate))} {}
    capnp::TwoPartyVatNetwork network;
    rpc_system system;
  };

  schema::Gate::Client gate() {
    if (!account) return make_closed_gate(why_);
    return make_gate(context_, account, [this](const std::string& given) {
      token = given;
      messages_.trust();
    });
  }

  service_context& context_;
  refusal why_;
  kj::Own<kj::AsyncIoStream> stream_;
  message_stream messages_;
  kj::PromiseFulfillerPair<void> closed_;
  std::optional<rpc_side> rpc_;
};

}  // namespace

std::string peer_of(kj::AsyncIoStream& stream) {
  sockaddr_storage address{};
  kj::uint size = sizeof address;
  stream.getpeername(reinterpret_cast<sockaddr*>(&address), &size);
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in&>(address).sin_addr, text, sizeof text);
  if (address.ss_family == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6&>(address).sin6_addr, text, sizeof text);
  if (text[0] != 0) return std::string{"address "} + text;
  ucred who{};
  kj::uint length = sizeof who;
  stream.getsockopt(SOL_SOCKET, SO_PEERCRED, &who, &length);
  return fmt::format("user {}", who.uid);
}

struct server::implementation : private kj::TaskSet::ErrorHandler {
  implementation(caf::actor_system& system, gateway_actor gateway, telemetry_actor telemetry,
                 supervisor_actor supervisor, const server_options& o)
      : context{.system = system,
                .gateway = std::move(gateway),
                .telemetry = std::move(telemetry),
                .supervisor = std::move(supervisor),
                .tokens = o.tokens,
                .answer_tokens_default = o.answer_tokens_default,
                .door = door{o.limits}},
        options{o} {}

  void run(std::promise<void>& listening);
  /// A socket, and who takes those who come to it.
  struct listener {
    int fd;
    kj::Own<kj::ConnectionReceiver> socket;
    connection_taker take;
  };
  std::string listen(kj::LowLevelAsyncIoProvider& provider, const std::string& text, const connection_taker& take);
  kj::Promise<void> accept_all(listener& at);
  kj::Promise<void> accept_next(listener& at);
  bool is_crowded() const;
  void serve(kj::Own<kj::AsyncIoStream> stream);
  bool make_place(const std::string& peer);
  void keep(kj::Own<connection> c, kj::Promise<void> until);
  void set_tokens(token_list tokens);
  kj::Promise<void> finish_turns();
  void taskFailed(kj::Exception&&) override { /* a connection broke; its turns cancel themselves */
  }

  service_context context;
  server_options options;
  std::vector<std::string> addresses;
  std::vector<std::string> socket_files;
  std::thread thread;
  kj::Own<kj::CrossThreadPromiseFulfiller<void>> drain, stop;
  const kj::Executor* loop = nullptr;
  std::promise<void> drained;

  // Event loop thread only.
  std::vector<kj::Own<listener>> listeners;
  std::unique_ptr<kj::TaskSet> tasks, acceptors;
  std::list<connection*> connections;  ///< oldest first
  std::size_t turned_away = 0;
};

std::string server::implementation::listen(kj::LowLevelAsyncIoProvider& provider, const std::string& text,
                                           const connection_taker& take) {
  auto at = parse_address(text);
  if (options.tokens.empty() && !at.is_local())
    throw server_error(fmt::format("{} is open to other machines: give --tokens FILE, or listen on 127.0.0.1", text));
  auto listening = listen_on(at);
  if (at.is_unix()) socket_files.push_back(at.path);
  for (auto& socket : listening.sockets) {
    int fd = socket.get();
    listeners.push_back(kj::heap<listener>(listener{fd, provider.wrapListenSocketFd(kj::mv(socket)), take}));
    acceptors->add(accept_all(*listeners.back()));
  }
  return listening.text;
}

/// Goes on for ever: an accept that fails (no file descriptors, no memory) is tried again after a pause.
kj::Promise<void> server::implementation::accept_all(listener& at) {
  return kj::evalNow([&] { return at.socket->accept(); })  // it may throw at once
      .then(
          [this, &at](kj::Own<kj::AsyncIoStream> stream) {
            kj::runCatchingExceptions([&] { at.take(kj::mv(stream)); });  // a peer that is gone already
            return accept_next(at);
          },
          [this, &at](kj::Exception&&) {
            return context.timer->afterDelay(accept_pause).then([this, &at] { return accept_all(at); });
          });
}

kj::Promise<void> server::implementation::accept_next(listener& at) {
  pollfd more{at.fd, POLLIN, 0};
  // Last: those who came before are listened to first, so that who has something to say is not taken for idle.
  if (!is_crowded() || ::poll(&more, 1, 0) > 0) return kj::evalLast([this, &at] { return accept_all(at); });
  return context.timer->afterDelay(crowd_pause).then([this, &at] { return accept_all(at); });
}

bool server::implementation::is_crowded() const {
  if (connections.size() < crowd) return false;
  auto last = connections | std::views::reverse | std::views::take(crowd_looked_at);
  return std::ranges::count_if(last, &connection::is_stranger) >= static_cast<std::ptrdiff_t>(crowd);
}

/// Who has not logged in yet gives way to who comes: strangers cannot lock everybody out. First goes who has not said
/// anything.
bool server::implementation::make_place(const std::string& peer) {
  bool full = static_cast<std::uint32_t>(context.door.counts.connections) >= options.limits.connections_max;
  auto may_go = [&](auto* c) { return c->is_stranger() && (full || c->peer == peer); };
  auto oldest = std::ranges::find_if(connections, [&](auto* c) { return !c->has_spoken() && may_go(c); });
  if (oldest == connections.end()) oldest = std::ranges::find_if(connections, may_go);
  if (oldest == connections.end()) return false;
  (*oldest)->close();
  return true;
}

void server::implementation::serve(kj::Own<kj::AsyncIoStream> stream) {
  auto peer = peer_of(*stream);
  refusal why;
  auto account = context.door.connect(peer, why);
  if (!account && make_place(peer)) {  // the place is free when the loop has been round
    tasks->add(kj::evalLast([this, stream = kj::mv(stream)]() mutable { serve(kj::mv(stream)); }));
    return;
  }
  bool let_in = account != nullptr;
  if (!let_in && turned_away >= turned_away_max) return;
  auto c = kj::heap<connection>(kj::mv(stream), context, std::move(account), why);
  auto& served = *c;
  served.peer = peer;
  auto login_late = context.timer->afterDelay(options.limits.login_within.count() * kj::MILLISECONDS);
  auto until = served.serve().exclusiveJoin(login_late.then([this, &served]() -> kj::Promise<void> {
    if (!served.is_stranger()) return kj::NEVER_DONE;
    if (served.account) ++context.door.counts.logins_late;
    return kj::READY_NOW;
  }));
  if (let_in) {
    keep(kj::mv(c), kj::mv(until));
  } else {
    ++turned_away;
    tasks->add(until.attach(kj::mv(c)).attach(kj::defer([this] { --turned_away; })));
  }
}

void server::implementation::keep(kj::Own<connection> c, kj::Promise<void> until) {
  auto at = connections.insert(connections.end(), c.get());
  tasks->add(until.attach(kj::mv(c)).attach(kj::defer([this, at] { connections.erase(at); })));
}

void server::implementation::set_tokens(token_list tokens) {
  auto before = std::exchange(context.tokens, std::move(tokens));
  for (auto* c : connections) {
    if (c->is_stranger()) continue;
    const auto *old = before.find(c->token), *now = context.tokens.find(c->token);
    bool same = old && now && *old == *now &&
                before.operators.contains(c->token) == context.tokens.operators.contains(c->token);
    if (!same) c->close();
  }
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
    loop = &kj::getCurrentThreadExecutor();
    context.timer = &io.provider->getTimer();
    tasks = std::make_unique<kj::TaskSet>(static_cast<kj::TaskSet::ErrorHandler&>(*this));
    acceptors = std::make_unique<kj::TaskSet>(static_cast<kj::TaskSet::ErrorHandler&>(*this));
    KJ_DEFER({
      acceptors.reset();
      tasks.reset();
      listeners.clear();
    });
    auto& provider = *io.lowLevelProvider;
    for (const auto& address : options.listen)
      addresses.push_back(listen(provider, address, [this](auto stream) { serve(kj::mv(stream)); }));
    server_loop loop_of_all{context, [&](const auto& text, auto take) { return listen(provider, text, take); }, *tasks};
    if (options.beside) options.beside(loop_of_all);
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

server::server(caf::actor_system& system, gateway_actor gateway, telemetry_actor telemetry, supervisor_actor supervisor,
               const server_options& options)
    : implementation_{std::make_unique<implementation>(system, std::move(gateway), std::move(telemetry),
                                                       std::move(supervisor), options)} {
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

void server::set_tokens(token_list tokens) {
  implementation_->loop->executeSync([&] { implementation_->set_tokens(std::move(tokens)); });
}

}  // namespace chromatin::rpc

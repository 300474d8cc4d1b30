#include "rpc/server.hpp"

#include <future>
#include <list>
#include <thread>

#include <capnp/rpc-twoparty.h>
#include <fmt/format.h>
#include <kj/async-io.h>
#include <unistd.h>

#include "rpc/accept.hpp"
#include "rpc/address.hpp"
#include "rpc/message_stream.hpp"
#include "rpc/reception.hpp"
#include "rpc/service.hpp"

namespace chromatin::rpc {
namespace {

using rpc_system = capnp::RpcSystem<capnp::rpc::twoparty::VatId>;

/// One connection with all that serves it.
class connection final : public speaker {
 public:
  /// `s` has spoken; `logged_in` is called when it has logged in.
  connection(stranger s, service_context& context, kj::LowLevelAsyncIoProvider& provider,
             std::function<void()> logged_in)
      : account{std::move(s.account)},
        logged_in_{std::move(logged_in)},
        turned_away_{std::move(s.turned_away)},
        stream_{stream_of(provider, kj::mv(s.fd))},
        messages_{*stream_, *context.timer, context.door, account.get()},
        network_{messages_, capnp::rpc::twoparty::Side::SERVER},
        rpc_{capnp::makeRpcServer(network_, gate(context, std::move(s.why)))},
        closed_{kj::newPromiseAndFulfiller<void>()} {
    peer = std::move(s.peer);
    came = s.came;
    // Calls that wait for the answer to another one are nobody's yet: their bytes are bounded here.
    rpc_.setFlowLimit(2 * context.door.limits.bytes_per_connection_max / sizeof(capnp::word));
  }

  /// Fulfilled when the client is gone, or close() was called. Once only.
  kj::Promise<void> ended() { return network_.onDisconnect().exclusiveJoin(kj::mv(closed_.promise)); }
  void close() override { closed_.fulfiller->fulfill(); }
  bool is_stranger() const { return !account || !account->logged_in(); }

  std::shared_ptr<connection_account> account;  ///< null for one that is not let in
  std::string token;

 private:
  schema::Gate::Client gate(service_context& context, refusal why) {
    if (!account) return make_closed_gate(std::move(why));
    return make_gate(context, account, [this](const std::string& given) {
      token = given;
      messages_.trust();
      logged_in_();
    });
  }

  std::function<void()> logged_in_;
  decltype(stranger::turned_away) turned_away_;
  kj::Own<kj::AsyncIoStream> stream_;
  message_stream messages_;
  capnp::TwoPartyVatNetwork network_;
  rpc_system rpc_;
  kj::PromiseFulfillerPair<void> closed_;
};

}  // namespace

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
  std::string listen(kj::LowLevelAsyncIoProvider& provider, const std::string& text, const connection_taker& take);
  void serve(kj::LowLevelAsyncIoProvider& provider, stranger s);
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
  std::unique_ptr<reception> strangers;
  kj::Promise<void> attending = nullptr;
  std::unique_ptr<kj::TaskSet> tasks;
  std::list<connection*> connections;
};

std::string server::implementation::listen(kj::LowLevelAsyncIoProvider& provider, const std::string& text,
                                           const connection_taker& take) {
  auto at = parse_address(text);
  if (options.tokens.empty() && !at.is_local())
    throw server_error(fmt::format("{} is open to other machines: give --tokens FILE, or listen on 127.0.0.1", text));
  auto listening = listen_on(at);
  if (at.is_unix()) socket_files.push_back(at.path);
  std::function<void(kj::AutoCloseFd)> take_fd;
  if (take) take_fd = [&provider, take](kj::AutoCloseFd fd) { take(stream_of(provider, kj::mv(fd))); };
  for (auto& socket : listening.sockets) strangers->listen(kj::mv(socket), take_fd);
  return listening.text;
}

void server::implementation::serve(kj::LowLevelAsyncIoProvider& provider, stranger s) {
  auto left = s.came + options.limits.login_within - std::chrono::steady_clock::now();
  auto id = s.account ? s.account->id() : 0;
  auto c = kj::heap<connection>(std::move(s), context, provider, [this, id] { strangers->no_stranger_any_more(id); });
  auto& served = *c;
  auto login_late = context.timer->afterDelay(std::chrono::nanoseconds{left}.count() * kj::NANOSECONDS);
  auto until = served.ended().exclusiveJoin(login_late.then([this, &served]() -> kj::Promise<void> {
    if (!served.is_stranger()) return kj::NEVER_DONE;
    if (served.account) ++context.door.counts.logins_late;
    return kj::READY_NOW;
  }));
  keep(kj::mv(c), kj::mv(until));
}

void server::implementation::keep(kj::Own<connection> c, kj::Promise<void> until) {
  auto id = c->account ? c->account->id() : 0;
  if (c->account) strangers->speaks(id, *c);
  auto at = connections.insert(connections.end(), c.get());
  tasks->add(until.attach(kj::mv(c)).attach(kj::defer([this, at, id] {
    connections.erase(at);
    strangers->no_stranger_any_more(id);
  })));
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
  attending = nullptr;
  strangers->close();
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
    auto& provider = *io.lowLevelProvider;
    strangers = std::make_unique<reception>(context.door, *context.timer, io.unixEventPort,
                                            [&](stranger s) { serve(provider, std::move(s)); });
    KJ_DEFER({
      attending = nullptr;
      tasks.reset();
      strangers.reset();
    });
    for (const auto& address : options.listen) addresses.push_back(listen(provider, address, nullptr));
    server_loop loop_of_all{context, [&](const auto& text, auto take) { return listen(provider, text, take); }, *tasks};
    if (options.beside) options.beside(loop_of_all);
    attending = strangers->attend().eagerlyEvaluate(nullptr);
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

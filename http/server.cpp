#include "http/server.hpp"

#include <utility>

#include <kj/compat/http.h>

#include "http/bounded_stream.hpp"
#include "http/other_sites.hpp"
#include "http/reply.hpp"
#include "http/service.hpp"
#include "rpc/accept.hpp"
#include "rpc/service.hpp"

namespace chromatin::http {
namespace {

/// One connection, and KJ's server of it: so each can be closed behind an answer.
class connection final : kj::HttpServerCallbacks {
 public:
  connection(const service_parts& parts, kj::Own<kj::AsyncIoStream> stream, kj::HttpServerErrorHandler& errors)
      : parts_{parts},
        owned_{kj::heap<bounded_stream>(kj::mv(stream), *parts.context.timer, parts.context.door.limits)},
        stream_{*owned_},
        server_{*parts.context.timer, parts.headers, [this](kj::AsyncIoStream&) { return service_for(); },
                settings(errors)} {}

  kj::Promise<void> run() { return server_.listenHttp(kj::mv(owned_)); }

 private:
  kj::HttpServerSettings settings(kj::HttpServerErrorHandler& errors) {
    kj::HttpServerSettings s;
    s.headerTimeout = parts_.context.door.limits.login_within.count() * kj::MILLISECONDS;
    s.pipelineTimeout = 60 * kj::SECONDS;
    s.errorHandler = errors;
    s.callbacks = *this;
    return s;
  }
  /// Only says so to the client.
  bool shouldClose() override { return closes_; }

  kj::Own<kj::HttpService> service_for() {
    rpc::refusal why;
    auto account = parts_.context.door.connect(rpc::peer_of(stream_), why);
    stream_.serve(account);
    return make_service(parts_, std::move(account), std::move(why), stream_, [this] { close_behind_answer(); });
  }

  void close_behind_answer() {
    if (!std::exchange(closes_, true)) closed_ = server_.drain();
  }

  const service_parts& parts_;
  kj::Own<bounded_stream> owned_;
  bounded_stream& stream_;  ///< KJ has it as soon as it runs
  bool closes_ = false;
  kj::Promise<void> closed_ = nullptr;
  kj::HttpServer server_;
};

/// Everything behind the listening sockets; lives as long as the loop.
class front final : public kj::HttpServerErrorHandler {
 public:
  front(rpc::server_loop& loop, const server_options& options)
      : authorization_{names_.add("authorization")},
        origin_{names_.add("origin")},
        wanted_headers_{names_.add("access-control-request-headers")},
        expect_{names_.add("expect")},
        content_encoding_{names_.add("content-encoding")},
        table_{names_.build()},
        parts_{loop.context, *table_,           authorization_,     origin_,     wanted_headers_,
               expect_,      content_encoding_, options.checkpoint, tokenizing_, {}} {
    for (const auto& text : options.origins) parts_.origins.push_back(checked_origin(text));
  }

  void take(kj::Own<kj::AsyncIoStream> stream) {
    auto made = kj::heap<connection>(parts_, kj::mv(stream), *this);
    auto done = made->run();
    connections_.add(done.attach(kj::mv(made)));
  }

 private:
  kj::Promise<void> handleClientProtocolError(kj::HttpHeaders::ProtocolError wrong,
                                              kj::HttpService::Response& response) override {
    return reply(
        response, *table_,
        error{.status = wrong.statusCode, .message = wrong.description.cStr(), .param = {}, .code = "bad_request"});
  }
  kj::Promise<void> handleApplicationError(kj::Exception failure,
                                           kj::Maybe<kj::HttpService::Response&> response) override {
    if (failure.getType() == kj::Exception::Type::DISCONNECTED) return kj::READY_NOW;
    KJ_IF_MAYBE (to, response) return reply(*to, *table_, from_actor(failure.getDescription().cStr()));
    return kj::READY_NOW;  // in mid-stream: the connection is closed
  }

  struct ignore final : kj::TaskSet::ErrorHandler {
    void taskFailed(kj::Exception&&) override { /* a connection broke; its turns cancel themselves */
    }
  };

  kj::HttpHeaderTable::Builder names_;
  kj::HttpHeaderId authorization_, origin_, wanted_headers_, expect_, content_encoding_;
  kj::Own<kj::HttpHeaderTable> table_;
  turnstile tokenizing_;
  service_parts parts_;
  ignore broken_;
  kj::TaskSet connections_{broken_};
};

}  // namespace

std::vector<std::string> serve(rpc::server_loop& loop, const server_options& options) {
  auto made = kj::heap<front>(loop, options);
  auto* all = made.get();
  loop.tasks.add(kj::Promise<void>{kj::NEVER_DONE}.attach(kj::mv(made)));
  std::vector<std::string> addresses;
  for (const auto& text : options.listen)
    addresses.push_back(loop.listen(text, [all](auto stream) { all->take(kj::mv(stream)); }));
  return addresses;
}

}  // namespace chromatin::http

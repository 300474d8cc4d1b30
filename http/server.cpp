#include "http/server.hpp"

#include <kj/compat/http.h>

#include "http/reply.hpp"
#include "http/service.hpp"
#include "rpc/service.hpp"

namespace chromatin::http {
namespace {

/// Everything behind the listening sockets; lives as long as the loop.
class front final : public kj::HttpServerErrorHandler {
 public:
  front(rpc::server_loop& loop, const server_options& options)
      : context_{loop.context},
        authorization_{names_.add("authorization")},
        origin_{names_.add("origin")},
        table_{names_.build()},
        parts_{loop.context, *table_, authorization_, origin_, options.checkpoint},
        server_{*loop.context.timer, *table_, [this](kj::AsyncIoStream& stream) { return service_for(stream); },
                settings()} {}

  void take(kj::Own<kj::AsyncIoStream> stream) { connections_.add(server_.listenHttp(kj::mv(stream))); }

 private:
  kj::HttpServerSettings settings() {
    kj::HttpServerSettings s;
    s.headerTimeout = context_.door.limits.login_within.count() * kj::MILLISECONDS;
    s.pipelineTimeout = 60 * kj::SECONDS;
    s.errorHandler = *this;
    return s;
  }

  kj::Own<kj::HttpService> service_for(kj::AsyncIoStream& stream) {
    rpc::refusal why;
    auto account = context_.door.connect(rpc::peer_of(stream), why);
    return make_service(parts_, std::move(account), std::move(why), stream);
  }

  kj::Promise<void> handleClientProtocolError(kj::HttpHeaders::ProtocolError wrong,
                                              kj::HttpService::Response& response) override {
    return reply(response, *table_,
                 error{.status = 400, .message = wrong.description.cStr(), .param = {}, .code = "bad_request"});
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

  rpc::service_context& context_;
  kj::HttpHeaderTable::Builder names_;
  kj::HttpHeaderId authorization_, origin_;
  kj::Own<kj::HttpHeaderTable> table_;
  service_parts parts_;
  kj::HttpServer server_;
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

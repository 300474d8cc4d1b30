#include "rpc/service.hpp"

#include <atomic>
#include <random>

#include <fmt/format.h>

#include "rpc/ask.hpp"
#include "rpc/convert.hpp"
#include "rpc/text_queue.hpp"

namespace chromatin::rpc {
namespace {

std::atomic<turn_id> last_turn{0};

std::string random_name() {
  std::random_device entropy;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", entropy(), entropy(), entropy(), entropy());
}

/// Equal length and content, in a time that does not depend on where they differ.
bool same_secret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() != b.size();
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i % b.size()]);
  return difference == 0;
}

/// One turn being answered. When the call is dropped before its end, so is the turn.
struct answering {
  answering(service_context& of, turn_id which) : context{of}, id{which} { ++context.turns; }
  ~answering() {
    if (!done) caf::anon_send(context.gateway, atom::cancel_v, id);
    if (--context.turns == 0) context.tell_idle();
  }

  service_context& context;
  turn_id id;
  std::shared_ptr<text_queue> text = std::make_shared<text_queue>();
  turn_statistics statistics;
  kj::Maybe<kj::Exception> error;
  bool done = false;
};

/// Sends text as it comes until there is no more.
kj::Promise<void> stream_text(std::shared_ptr<answering> turn, schema::TokenSink::Client sink) {
  return turn->text->next().then([turn, sink](std::string text) mutable -> kj::Promise<void> {
    if (text.empty()) return kj::READY_NOW;
    auto request = sink.textRequest();
    request.setText(kj::StringPtr(text.c_str(), text.size()));
    return request.send().then([turn, sink]() mutable { return stream_text(std::move(turn), sink); });
  });
}

class conversation_service final : public schema::Conversation::Server {
 public:
  conversation_service(service_context& context, conversation_ref which)
      : context_{context}, which_{std::move(which)} {}

  kj::Promise<void> say(SayContext call) override {
    call.allowCancellation();
    auto params = call.getParams();
    auto request = params.getRequest();
    say_request order{.turn = ++last_turn,
                      .conversation = which_,
                      .before = rpc::read(request.getBefore()),
                      .text = {request.getText().begin(), request.getText().size()},
                      .sampling = rpc::read(request.getSampling()),
                      .priority = request.getPriority(),
                      .reuse = request.getReuse()};
    if (order.sampling.tokens_max == 0) order.sampling.tokens_max = context_.answer_tokens_default;
    auto sink = params.getSink();
    call.releaseParams();
    auto turn = std::make_shared<answering>(context_, order.turn);
    auto answer = ask<turn_statistics>(context_.system, context_.gateway, atom::say_v, std::move(order),
                                       std::shared_ptr<token_sink>{turn->text})
                      .then(
                          [turn](turn_statistics statistics) {
                            turn->done = true;
                            turn->statistics = statistics;
                            turn->text->close();
                          },
                          [turn](kj::Exception&& error) {
                            turn->done = true;
                            turn->error = kj::mv(error);
                            turn->text->close();
                          })
                      .eagerlyEvaluate(nullptr);
    return stream_text(turn, sink)
        .then([sink]() mutable { return sink.endRequest().send().ignoreResult(); })
        .then([turn, call]() mutable {
          KJ_IF_MAYBE (error, turn->error) kj::throwFatalException(kj::mv(*error));
          write(turn->statistics, call.getResults().initStatistics());
        })
        .attach(kj::mv(answer));
  }

  kj::Promise<void> truncate(TruncateContext call) override {
    auto params = call.getParams();
    return ask<conversation_info>(context_.system, context_.gateway, atom::truncate_v, which_,
                                  std::uint32_t{params.getProtectTokens()}, double{params.getRatio()})
        .then([call](conversation_info info) mutable { write(info, call.getResults().initInfo()); });
  }

  kj::Promise<void> fork(ForkContext call) override {
    std::string id = call.getParams().getId();
    if (id.empty()) id = random_name();
    return ask<conversation_info>(context_.system, context_.gateway, atom::fork_v, which_, id,
                                  std::uint32_t{call.getParams().getMessages()})
        .then([this, id, call](conversation_info info) mutable {
          auto results = call.getResults();
          results.setConversation(kj::heap<conversation_service>(context_, conversation_ref{which_.tenant, id}));
          write(info, results.initInfo());
        });
  }

  kj::Promise<void> forget(ForgetContext) override {
    return ask<void>(context_.system, context_.gateway, atom::forget_v, which_);
  }

  kj::Promise<void> info(InfoContext call) override {
    return ask<conversation_info>(context_.system, context_.gateway, atom::open_v, which_, std::string{})
        .then([call](conversation_info info) mutable { write(info, call.getResults().initInfo()); });
  }

  kj::Promise<void> read(ReadContext call) override {
    auto params = call.getParams();
    return ask<transcript>(context_.system, context_.gateway, atom::read_v, which_, std::uint32_t{params.getFirst()},
                           std::uint32_t{params.getLimit()})
        .then([call](transcript said) mutable {
          write(said.messages, call.getResults().initMessages(static_cast<unsigned>(said.messages.size())));
          call.getResults().setTotal(said.total);
        });
  }

 private:
  service_context& context_;
  conversation_ref which_;
};

class session_service final : public schema::Session::Server {
 public:
  session_service(service_context& context, std::string tenant) : context_{context}, tenant_{std::move(tenant)} {}

  kj::Promise<void> open(OpenContext call) override {
    auto params = call.getParams();
    conversation_ref which{tenant_, params.getId()};
    if (which.id.empty()) which.id = random_name();
    std::string system_prompt{params.getSystem().begin(), params.getSystem().size()};
    kj::Promise<void> known = kj::READY_NOW;
    if (!params.getMake())  // an empty page of one that does not exist is an error
      known = ask<transcript>(context_.system, context_.gateway, atom::read_v, which, 0u, 0u).ignoreResult();
    return known
        .then([this, which, system_prompt] {
          return ask<conversation_info>(context_.system, context_.gateway, atom::open_v, which, system_prompt);
        })
        .then([this, which, call](conversation_info info) mutable {
          auto results = call.getResults();
          results.setConversation(kj::heap<conversation_service>(context_, which));
          write(info, results.initInfo());
        });
  }

  kj::Promise<void> stat(StatContext call) override {
    return ask<std::vector<counters>>(context_.system, context_.telemetry, atom::stats_v)
        .then([call](std::vector<counters> parts) mutable {
          auto list = call.getResults().initParts(static_cast<unsigned>(parts.size()));
          for (unsigned i = 0; i < parts.size(); ++i) write(parts[i], list[i]);
        });
  }

  kj::Promise<void> list(ListContext call) override {
    auto params = call.getParams();
    return ask<conversation_list>(context_.system, context_.gateway, atom::list_v, tenant_,
                                  std::string{params.getAfter()}, std::uint32_t{params.getLimit()})
        .then([call](conversation_list all) mutable {
          auto list = call.getResults().initConversations(static_cast<unsigned>(all.size()));
          for (unsigned i = 0; i < all.size(); ++i) write(all[i], list[i]);
        });
  }

 private:
  service_context& context_;
  std::string tenant_;
};

class gate_service final : public schema::Gate::Server {
 public:
  explicit gate_service(service_context& context) : context_{context} {}

  kj::Promise<void> login(LoginContext call) override {
    std::string given = call.getParams().getToken();
    const std::string* tenant = nullptr;
    for (const auto& [token, owner] : context_.tokens)
      if (same_secret(given, token)) tenant = &owner;
    if (!context_.tokens.empty() && !tenant)
      return kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__,
                           kj::str("unauthenticated: this token is not known"));
    call.getResults().setSession(kj::heap<session_service>(context_, tenant ? *tenant : "default"));
    return kj::READY_NOW;
  }

 private:
  service_context& context_;
};

}  // namespace

schema::Gate::Client make_gate(service_context& context) { return kj::heap<gate_service>(context); }

}  // namespace chromatin::rpc

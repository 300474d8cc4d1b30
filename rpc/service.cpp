#include "rpc/service.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "rpc/answering.hpp"
#include "rpc/ask.hpp"
#include "rpc/convert.hpp"

namespace chromatin::rpc {
namespace {

/// What an answer of `read` or `list` may come to.
constexpr std::uint64_t page_bytes = 1u << 20;

/// What the door counted, as a part of the server like its actors.
counters door_part(const door& of) {
  const auto& c = of.counts;
  return {"door",
          {{"connections", c.connections},
           {"connections_refused", c.connections_refused},
           {"logins_late", c.logins_late},
           {"logins_failed", c.logins_failed},
           {"calls_refused", c.calls_refused},
           {"turns_refused", c.turns_refused},
           {"bytes_refused", c.bytes_refused},
           {"messages_late", c.messages_late}}};
}

/// A capability whose calls count against their connection's bounds, whatever they are.
template <class Interface>
class counted : public Interface::Server {
 public:
  counted(service_context& context, std::shared_ptr<connection_account> account)
      : context_{context}, account_{std::move(account)} {}

  using result = typename Interface::Server::DispatchCallResult;
  result dispatchCall(std::uint64_t interface, std::uint16_t method,
                      capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> call) override {
    connection_account::hold held;
    auto bytes = call.getParams().targetSize().wordCount * sizeof(capnp::word);
    if (auto refused = account_->begin_call(bytes, held)) return {to_exception(*refused), false};
    auto done = Interface::Server::dispatchCall(interface, method, call);
    done.promise = done.promise.attach(kj::mv(held));
    return done;
  }

 protected:
  service_context& context_;
  std::shared_ptr<connection_account> account_;
};

/// Sends text as it comes until there is no more.
kj::Promise<void> stream_text(std::shared_ptr<answering> turn, schema::TokenSink::Client sink) {
  return turn->text->next().then([turn, sink](answer_piece piece) mutable -> kj::Promise<void> {
    if (piece.empty()) return kj::READY_NOW;
    auto request = sink.textRequest();
    request.setText(kj::StringPtr(piece.text.c_str(), piece.text.size()));
    if (!piece.likelihoods.empty())
      write(piece.likelihoods, request.initLikelihoods(static_cast<unsigned>(piece.likelihoods.size())));
    return in_time(turn, request.send()).then([turn, sink]() mutable { return stream_text(std::move(turn), sink); });
  });
}

constexpr std::int64_t us_of_ms(std::uint64_t ms) {
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max() / 1000;
  return static_cast<std::int64_t>(std::min(ms, most) * 1000);
}

class conversation_service final : public counted<schema::Conversation> {
 public:
  conversation_service(service_context& context, std::shared_ptr<connection_account> account, conversation_ref which,
                       connection_account::hold place)
      : counted{context, std::move(account)}, which_{std::move(which)}, held_{std::move(place)} {}

  kj::Promise<void> say(SayContext call) override {
    call.allowCancellation();
    auto place = std::make_shared<connection_account::hold>();
    if (auto refused = account_->begin_turn(*place)) return to_exception(*refused);
    auto params = call.getParams();
    auto request = params.getRequest();
    say_request order{.conversation = which_,
                      .before = rpc::read(request.getBefore()),
                      .text = {request.getText().begin(), request.getText().size()},
                      .sampling = rpc::read(request.getSampling()),
                      .priority = request.getPriority(),
                      .keep = {request.getKeepPriority(), us_of_ms(request.getKeepMs())},
                      .reuse = request.getReuse()};
    auto sink = params.getSink();
    call.releaseParams();
    auto turn = std::make_shared<answering>(context_, account_, std::move(place));
    auto answer = rpc::say(turn, std::move(order));
    return stream_text(turn, sink)
        .then([turn, sink]() mutable { return in_time(turn, sink.endRequest().send().ignoreResult()); })
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
    auto place = std::make_shared<connection_account::hold>();
    if (auto refused = account_->take_handle(*place)) return to_exception(*refused);
    std::string id = call.getParams().getId();
    if (id.empty()) id = random_name();
    return ask<conversation_info>(context_.system, context_.gateway, atom::fork_v, which_, id,
                                  std::uint32_t{call.getParams().getMessages()})
        .then([this, id, call, place](conversation_info info) mutable {
          auto results = call.getResults();
          results.setConversation(kj::heap<conversation_service>(
              context_, account_, conversation_ref{which_.tenant, id}, std::move(*place)));
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
    connection_account::hold place;
    if (auto refused = account_->more_bytes(page_bytes, place)) return to_exception(*refused);
    auto params = call.getParams();
    return ask<transcript>(context_.system, context_.gateway, atom::read_v, which_, std::uint32_t{params.getFirst()},
                           std::uint32_t{params.getLimit()})
        .then([call](transcript said) mutable {
          write(said.messages, call.getResults().initMessages(static_cast<unsigned>(said.messages.size())));
          call.getResults().setTotal(said.total);
        })
        .attach(kj::mv(place));
  }

 private:
  conversation_ref which_;
  connection_account::hold held_;
};

class session_service final : public counted<schema::Session> {
 public:
  /// `sees_all`: the whole server's counters.
  session_service(service_context& context, std::shared_ptr<connection_account> account, std::string tenant,
                  bool sees_all)
      : counted{context, std::move(account)}, tenant_{std::move(tenant)}, sees_all_{sees_all} {}

  kj::Promise<void> open(OpenContext call) override {
    auto place = std::make_shared<connection_account::hold>();
    if (auto refused = account_->take_handle(*place)) return to_exception(*refused);
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
        .then([this, which, call, place](conversation_info info) mutable {
          auto results = call.getResults();
          results.setConversation(kj::heap<conversation_service>(context_, account_, which, std::move(*place)));
          write(info, results.initInfo());
        });
  }

  kj::Promise<void> stat(StatContext call) override {
    auto answer = [call](std::vector<counters> parts) mutable {
      auto list = call.getResults().initParts(static_cast<unsigned>(parts.size()));
      for (unsigned i = 0; i < parts.size(); ++i) write(parts[i], list[i]);
    };
    if (!sees_all_)
      return ask<counters>(context_.system, context_.gateway, atom::stats_v, tenant_)
          .then([answer](counters own) mutable { answer({std::move(own)}); });
    return counters_of_all(context_).then(std::move(answer));
  }

  kj::Promise<void> list(ListContext call) override {
    connection_account::hold place;
    if (auto refused = account_->more_bytes(page_bytes, place)) return to_exception(*refused);
    auto params = call.getParams();
    return ask<conversation_list>(context_.system, context_.gateway, atom::list_v, tenant_,
                                  std::string{params.getAfter()}, std::uint32_t{params.getLimit()})
        .then([call](conversation_list all) mutable {
          auto list = call.getResults().initConversations(static_cast<unsigned>(all.size()));
          for (unsigned i = 0; i < all.size(); ++i) write(all[i], list[i]);
        })
        .attach(kj::mv(place));
  }

  kj::Promise<void> detachPart(DetachPartContext call) override {
    return as_operator([&] {
      return ask<void>(context_.system, context_.supervisor, atom::detach_v, std::string{call.getParams().getName()});
    });
  }

  kj::Promise<void> attachPart(AttachPartContext call) override {
    return as_operator([&] {
      return ask<void>(context_.system, context_.supervisor, atom::attach_v, std::string{call.getParams().getName()});
    });
  }

  kj::Promise<void> archive(ArchiveContext call) override {
    return ask<archive_ticket>(context_.system, context_.gateway, atom::archive_v,
                               conversation_ref{tenant_, call.getParams().getId()}, bool{call.getParams().getKv()})
        .then([call](archive_ticket ticket) mutable { write(ticket, call.getResults().initTicket()); });
  }

  kj::Promise<void> recall(RecallContext call) override {
    return ask<archive_ticket>(context_.system, context_.gateway, atom::recall_v,
                               conversation_ref{tenant_, call.getParams().getId()}, bool{call.getParams().getKv()})
        .then([call](archive_ticket ticket) mutable { write(ticket, call.getResults().initTicket()); });
  }

  kj::Promise<void> forget(ForgetContext call) override {
    return ask<void>(context_.system, context_.gateway, atom::forget_v,
                     conversation_ref{tenant_, call.getParams().getId()});
  }

  kj::Promise<void> archives(ArchivesContext call) override {
    connection_account::hold place;
    if (auto refused = account_->more_bytes(page_bytes, place)) return to_exception(*refused);
    return ask<archive_tickets>(context_.system, context_.gateway, atom::archive_v, atom::list_v, tenant_)
        .then([call](archive_tickets all) mutable {
          auto list = call.getResults().initTickets(static_cast<unsigned>(all.size()));
          for (unsigned i = 0; i < all.size(); ++i) write(all[i], list[i]);
        })
        .attach(kj::mv(place));
  }

 private:
  template <class Call>
  kj::Promise<void> as_operator(Call call) {
    if (sees_all_) return call();
    return kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__,
                         kj::str("unauthenticated: parts are taken out and put back with an operator's token"));
  }

  std::string tenant_;
  bool sees_all_;
};

class gate_service final : public counted<schema::Gate> {
 public:
  gate_service(service_context& context, std::shared_ptr<connection_account> account,
               std::function<void(const std::string&)> logged_in)
      : counted{context, std::move(account)}, logged_in_{std::move(logged_in)} {}

  kj::Promise<void> login(LoginContext call) override {
    std::string given = call.getParams().getToken();
    auto who = caller_of(context_, given);
    if (!who)
      return kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__,
                           kj::str("unauthenticated: this token is not known"));
    if (auto refused = account_->log_in(context_.tokens.empty() ? std::string{} : who->tenant))
      return to_exception(*refused);
    logged_in_(given);
    call.getResults().setSession(kj::heap<session_service>(context_, account_, who->tenant, who->sees_all));
    return kj::READY_NOW;
  }

 private:
  std::function<void(const std::string&)> logged_in_;
};

class closed_gate final : public schema::Gate::Server {
 public:
  explicit closed_gate(refusal why) : why_{std::move(why)} {}
  kj::Promise<void> login(LoginContext) override { return to_exception(why_); }

 private:
  refusal why_;
};

}  // namespace

kj::Promise<std::vector<counters>> counters_of_all(service_context& context) {
  return ask<std::vector<counters>>(context.system, context.telemetry, atom::stats_v)
      .then([&context](std::vector<counters> parts) {
        parts.push_back(door_part(context.door));
        return parts;
      });
}

std::optional<caller> caller_of(service_context& context, const std::string& token) {
  const auto& tokens = context.tokens;
  if (tokens.empty()) return caller{"default", true};
  if (const auto* tenant = tokens.find(token)) return caller{*tenant, tokens.operators.contains(token)};
  ++context.door.counts.logins_failed;
  return {};
}

schema::Gate::Client make_gate(service_context& context, std::shared_ptr<connection_account> account,
                               std::function<void(const std::string&)> logged_in) {
  return kj::heap<gate_service>(context, std::move(account), std::move(logged_in));
}

schema::Gate::Client make_closed_gate(refusal why) { return kj::heap<closed_gate>(std::move(why)); }

}  // namespace chromatin::rpc

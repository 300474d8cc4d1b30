#include "http/service.hpp"

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include <poll.h>

#include <fmt/format.h>
#include <kj/debug.h>

#include "http/chat_turn.hpp"
#include "http/completion_turn.hpp"
#include "http/conversations.hpp"
#include "http/endpoints.hpp"
#include "http/metrics.hpp"
#include "http/old_response.hpp"
#include "http/other_sites.hpp"
#include "http/page.hpp"
#include "http/query.hpp"
#include "http/reply.hpp"
#include "http/request_head.hpp"
#include "http/response_turn.hpp"
#include "http/responses.hpp"
#include "http/state.hpp"
#include "http/tokens.hpp"
#include "rpc/answering.hpp"

namespace chromatin::http {
namespace {

using nlohmann::ordered_json;

/// How long a client that has gone away is answered at most.
constexpr auto look_again = 20 * kj::MILLISECONDS;

class service final : public kj::HttpService {
 public:
  service(const service_parts& parts, std::shared_ptr<rpc::connection_account> account, rpc::refusal why,
          bounded_stream& stream, std::function<void()> close_behind_answer)
      : parts_{parts},
        account_{std::move(account)},
        why_{std::move(why)},
        stream_{stream},
        close_behind_answer_{std::move(close_behind_answer)} {}

  kj::Promise<void> request(kj::HttpMethod method, kj::StringPtr url, const kj::HttpHeaders& headers,
                            kj::AsyncInputStream& body, Response& response) override {
    if (over_) return KJ_EXCEPTION(DISCONNECTED, "it stands behind what was to be the last request");
    if (auto wrong = stream_.wrong_head()) {
      close_behind_answer();
      return reply(response, parts_.headers,
                   error{.status = wrong->status, .message = wrong->sentence, .param = {}, .code = "bad_request"});
    }
    auto old = stream_.is_of_http_1_0();
    if (wants_close(text_of(headers, kj::HttpHeaderId::CONNECTION), old)) close_behind_answer();
    waits_for_word_ = !old && lower_case(text_of(headers, parts_.expect)) == "100-continue";
    if (!old) return share(method, url, headers, body, response);
    auto plain = kj::heap<old_response>(response, stream_, [this] { close_behind_answer(); });
    auto answered = share(method, url, headers, body, *plain);
    return answered.attach(kj::mv(plain));
  }

 private:
  /// Also with the pages of other sites, where they are let in.
  kj::Promise<void> share(kj::HttpMethod method, kj::StringPtr url, const kj::HttpHeaders& headers,
                          kj::AsyncInputStream& body, Response& response) {
    auto origin = text_of(headers, parts_.origin);
    if (std::ranges::find(parts_.origins, origin) == parts_.origins.end())
      return answer(method, url, headers, body, response);
    auto shared = kj::heap<shared_response>(response, origin);
    auto answered = answer(method, url, headers, body, *shared);
    return answered.attach(kj::mv(shared));
  }

  static std::string text_of(const kj::HttpHeaders& headers, kj::HttpHeaderId id) {
    KJ_IF_MAYBE (value, headers.get(id)) return {value->begin(), value->size()};
    return {};
  }
  /// KJ reads this header, and does nothing for it.
  static bool wants_close(const std::string& options, bool old) {
    auto asked = lower_case(options);
    return knows(asked, "close") || (old && !knows(asked, "keep-alive"));
  }

  /// KJ would still answer what it has read meanwhile.
  void close_behind_answer() {
    over_ = true;
    close_behind_answer_();
  }

  kj::Promise<void> answer(kj::HttpMethod method, kj::StringPtr url, const kj::HttpHeaders& headers,
                           kj::AsyncInputStream& body, Response& response) try {
    auto target = read_target({url.begin(), url.size()});
    const auto& path = target.path;
    check_method(method, path);
    if (method == kj::HttpMethod::OPTIONS) return show_methods(path, headers, response);
    if (path == "/healthz" || path == "/readyz") return reply(response, parts_.headers, ordered_json{{"status", "ok"}});
    if (!account_) throw refused(why_, 503);
    refuse_what_is_compressed(headers);
    refuse_other_sites(target.host.empty() ? text_of(headers, kj::HttpHeaderId::HOST) : target.host, headers);
    if (const auto* file = find_page_file(path)) return answer_page(parts_, *file, response);
    auto who = caller_of(headers);
    auto pause = account_->pause(std::chrono::steady_clock::now());
    auto routed = pause.count() == 0 ? route(method, target, std::move(who), body, response)
                                     : parts_.context.timer->afterDelay(pause.count() * kj::NANOSECONDS)
                                           .then([this, method, target, who, &body, &response]() -> kj::Promise<void> {
                                             return route(method, target, who, body, response);
                                           });
    return routed.catch_([this, &response](kj::Exception&& failure) -> kj::Promise<void> {
      // Said here, it leaves the connection open: KJ would close it behind an error of its own.
      if (failure.getType() == kj::Exception::Type::DISCONNECTED) return kj::mv(failure);
      return reply(response, parts_.headers, from_actor(failure.getDescription().cStr()));
    });
  } catch (const error& e) {
    return reply(response, parts_.headers, e);
  }

  static void check_method(kj::HttpMethod method, const std::string& path) {
    auto methods = methods_of(path);
    if (methods.empty()) throw nothing_at(path);
    if (method != kj::HttpMethod::OPTIONS && !knows(methods, kj::str(method).cStr()))
      throw error{.status = 405,
                  .message = fmt::format("this path knows {} only", methods),
                  .param = {},
                  .code = "method_not_allowed",
                  .allow = std::string{methods}};
  }
  static error nothing_at(const std::string& path) {
    return {.status = 404, .message = "there is nothing at " + path, .param = {}, .code = "not_found"};
  }

  /// What a browser asks before it lets a page of another site ask; who may is in the headers of every response.
  kj::Promise<void> show_methods(const std::string& path, const kj::HttpHeaders& asked, Response& response) {
    kj::HttpHeaders headers{parts_.headers};
    auto methods = std::string{methods_of(path)};
    headers.add("allow", methods.c_str());
    headers.add("access-control-allow-methods", methods.c_str());
    auto wanted = text_of(asked, parts_.wanted_headers);
    if (!wanted.empty()) headers.add("access-control-allow-headers", wanted.c_str());
    response.send(204, status_text(204), headers, std::uint64_t{0});
    return kj::READY_NOW;
  }

  /// It would be called broken text.
  void refuse_what_is_compressed(const kj::HttpHeaders& headers) const {
    auto encoding = lower_case(text_of(headers, parts_.content_encoding));
    if (!encoding.empty() && encoding != "identity")
      throw error{.status = 415,
                  .message = fmt::format("bodies are taken as they are, not with Content-Encoding: {}", encoding),
                  .param = {},
                  .code = "unsupported_encoding"};
  }

  /// A page of another site, open in a browser on this machine, is not let in for being on it: neither by asking from
  /// there nor by a name of its own that leads here.
  void refuse_other_sites(const std::string& host, const kj::HttpHeaders& headers) const {
    auto origin = text_of(headers, parts_.origin);
    bool local = is_this_machine(host);
    if (parts_.context.tokens.empty() && !local)
      throw error{.status = 403,
                  .message = "this server answers to localhost only; give it tokens to reach it by another name",
                  .param = {},
                  .code = "forbidden"};
    bool ours = origin == "http://" + host || std::ranges::find(parts_.origins, origin) != parts_.origins.end();
    if (!origin.empty() && !ours)
      throw error{.status = 403, .message = "pages of other sites are not served", .param = {}, .code = "forbidden"};
  }

  /// By the token, if there are any. A connection may change its mind.
  rpc::caller caller_of(const kj::HttpHeaders& headers) {
    auto given = text_of(headers, parts_.authorization);
    auto who = rpc::caller_of(parts_.context, std::string{bearer_token(given)});
    if (!who)
      throw error{.status = 401,
                  .message = "a token is needed: Authorization: Bearer TOKEN",
                  .param = {},
                  .code = "invalid_api_key"};
    if (auto why = account_->log_in(parts_.context.tokens.empty() ? std::string{} : who->tenant))
      throw refused(*why, 429);
    return *who;
  }

  kj::Promise<void> route(kj::HttpMethod method, const request_target& target, rpc::caller who,
                          kj::AsyncInputStream& body, Response& response) {
    const auto& path = target.path;
    try {
      if (path == "/v1/chat/completions")
        return with_body(body, response,
                         [this, who, &response](std::string_view text) { return chat(text, who, response); });
      if (path == "/v1/completions")
        return with_body(body, response,
                         [this, who, &response](std::string_view text) { return complete(text, who, response); });
      if (path == "/tokenize" || path == "/detokenize")
        return with_body(body, response, [this, &response, there = path == "/tokenize"](std::string_view text) {
          return there ? tokenize(parts_, text, response) : detokenize(parts_, text, response);
        });
      constexpr std::string_view responses = "/v1/responses";
      if (path == responses)
        return with_body(body, response,
                         [this, who, &response](std::string_view text) { return respond(text, who, response); });
      if (path.starts_with(std::string{responses} + '/'))
        return with_body(body, response,
                         [=, this, rest = path.substr(responses.size() + 1), &response](std::string_view) {
                           return answer_responses(parts_, who.tenant, method, rest, response);
                         });
      constexpr std::string_view conversations = "/v1/conversations";
      if (path.starts_with(conversations) && (path.size() == conversations.size() || path[conversations.size()] == '/'))
        return with_body(body, response,
                         [=, this, rest = path.substr(conversations.size()), query = target.query,
                          &response](std::string_view text) {
                           return answer_conversations(
                               parts_, {method, who.tenant, rest == "/" ? "" : rest, query, std::string{text}},
                               response);
                         });
      constexpr std::string_view models = "/v1/models";
      if (path.starts_with(models)) return show_models(decoded(path.substr(models.size())), response);
      if (path == "/v1/archives") return answer_archives(parts_, who.tenant, response);
      if (path == "/state") return answer_state(parts_, who, response);
      if (path == "/metrics") return metrics(who, response);
      throw nothing_at(path);
    } catch (const error& e) {
      return reply(response, parts_.headers, e);
    }
  }

  /// `name`: behind a slash; empty: all.
  kj::Promise<void> show_models(const std::string& name, Response& response) {
    if (!name.empty()) check_model(name.substr(1));
    ordered_json one{{"id", parts_.checkpoint.name}, {"object", "model"}, {"created", 0}, {"owned_by", "chromatin"}};
    return reply(response, parts_.headers,
                 name.empty() ? ordered_json{{"object", "list"}, {"data", ordered_json::array({one})}} : one);
  }

  kj::Promise<void> metrics(const rpc::caller& who, Response& response) {
    if (!who.sees_all)
      throw error{.status = 401, .message = "metrics need an operator's token", .param = {}, .code = "invalid_api_key"};
    return rpc::counters_of_all(parts_.context).then([this, &response](const std::vector<counters>& all) {
      return reply(response, parts_.headers, 200, "text/plain; version=0.0.4", to_metrics(all));
    });
  }

  struct received {
    kj::String text;
    std::optional<error> wrong;
  };

  /// Reads all of it, within the door's bounds; `then` may throw an error. When the client goes away, so does what it
  /// began.
  template <class Then>
  kj::Promise<void> with_body(kj::AsyncInputStream& body, Response& response, Then then) {
    const auto& limits = parts_.context.door.limits;
    auto too_large = [most = limits.call_bytes_max] {
      return error{.status = 413,
                   .message = fmt::format("a request has at most {} bytes", most),
                   .param = {},
                   .code = "too_large"};
    };
    KJ_IF_MAYBE (size, body.tryGetLength()) {
      if (*size > limits.call_bytes_max) throw too_large();
    }
    auto late = parts_.context.timer->afterDelay(limits.message_within.count() * kj::MILLISECONDS).then([] {
      return received{{},
                      error{.status = 408, .message = "a request was not sent in time", .param = {}, .code = "late"}};
    });
    auto read = say_that_it_may_come()
                    .then([&body, most = limits.call_bytes_max] { return body.readAllText(most); })
                    .then(
                        [](kj::String text) {
                          return received{kj::mv(text), {}};
                        },
                        [too_large](kj::Exception&& e) {
                          if (e.getType() == kj::Exception::Type::DISCONNECTED) kj::throwFatalException(kj::mv(e));
                          bool limit = std::string_view{e.getDescription().cStr()}.find("Reached limit") !=
                                       std::string_view::npos;
                          return received{{}, limit ? too_large() : not_in_chunks()};
                        });
    auto answered = read.exclusiveJoin(kj::mv(late)).then([this, &response, then](received got) -> kj::Promise<void> {
      if (!got.wrong) return call({got.text.begin(), got.text.size()}, response, then);
      if (got.wrong->status != 413) close_behind_answer();  // nobody knows when the rest comes, or where it ends
      return reply(response, parts_.headers, *got.wrong);
    });
    return answered.exclusiveJoin(client_gone());
  }

  /// Who asks before a large body is sent would wait a second for it, or for ever.
  kj::Promise<void> say_that_it_may_come() {
    constexpr std::string_view word = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!std::exchange(waits_for_word_, false)) return kj::READY_NOW;
    return stream_.write(word.data(), word.size());
  }

  static error not_in_chunks() {
    return {.status = 400, .message = "the body's chunks are not as HTTP has them", .param = {}, .code = "bad_request"};
  }

  /// Throws when the client has closed its side. KJ tells of that only when something is read or written.
  kj::Promise<void> client_gone() {
    KJ_IF_MAYBE (socket, stream_.getFd()) {
      pollfd look{.fd = *socket, .events = POLLRDHUP, .revents = 0};
      if (::poll(&look, 1, 0) > 0) return KJ_EXCEPTION(DISCONNECTED, "the client went away");
    }
    return parts_.context.timer->afterDelay(look_again).then([this] { return client_gone(); });
  }

  /// Counts as a call until it is answered.
  template <class Then>
  kj::Promise<void> call(std::string_view body, Response& response, const Then& then) try {
    rpc::connection_account::hold held;
    if (auto why = account_->begin_call(body.size(), held)) throw refused(*why, 429);
    return then(body).attach(kj::mv(held));
  } catch (const error& e) {
    return reply(response, parts_.headers, e);
  }

  kj::Promise<void> chat(std::string_view body, const rpc::caller& who, Response& response) {
    auto request = read_chat_request(body, what_is_not_said());
    check_model(request.model);
    return answer_chat(parts_, asker{account_, who.tenant}, std::move(request), response);
  }

  kj::Promise<void> complete(std::string_view body, const rpc::caller& who, Response& response) {
    auto request = read_completion_request(body, what_is_not_said());
    check_model(request.model);
    return answer_completion(parts_, asker{account_, who.tenant}, std::move(request), response);
  }

  kj::Promise<void> respond(std::string_view body, const rpc::caller& who, Response& response) {
    auto request = read_response_request(body, what_is_not_said());
    check_model(request.model);
    return answer_response(parts_, asker{account_, who.tenant}, std::move(request), response);
  }

  reading what_is_not_said() const {
    std::random_device entropy;
    return {std::uint64_t{entropy()} << 32 | entropy(), parts_.checkpoint.tokenizer->size()};
  }

  void check_model(const std::string& model) const {
    const auto& served = parts_.checkpoint.name;
    if (!model.empty() && model != served)
      throw error{.status = 404,
                  .message = fmt::format("there is no model {}; {} is served", model, served),
                  .param = "model",
                  .code = "model_not_found"};
  }

  const service_parts& parts_;
  std::shared_ptr<rpc::connection_account> account_;
  rpc::refusal why_;
  bounded_stream& stream_;
  std::function<void()> close_behind_answer_;
  bool over_ = false;            ///< no further request of this connection is answered
  bool waits_for_word_ = false;  ///< that the body may come, before it is sent
};

}  // namespace

error refused(const rpc::refusal& why, unsigned status) {
  return {.status = status, .message = why.what, .param = {}, .code = "overloaded", .retry_after = why.retry_after};
}

kj::Own<kj::HttpService> make_service(const service_parts& parts, std::shared_ptr<rpc::connection_account> account,
                                      rpc::refusal why, bounded_stream& stream,
                                      std::function<void()> close_behind_answer) {
  return kj::heap<service>(parts, std::move(account), std::move(why), stream, std::move(close_behind_answer));
}

}  // namespace chromatin::http

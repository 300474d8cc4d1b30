#include "http/chat_turn.hpp"

#include <chrono>

#include "http/chat_response.hpp"
#include "http/matching.hpp"
#include "http/reply.hpp"
#include "rpc/answering.hpp"

namespace chromatin::http {
namespace {

using json = nlohmann::ordered_json;

/// One answer on its way to the client.
class chat_turn : public std::enable_shared_from_this<chat_turn> {
 public:
  chat_turn(const service_parts& parts, std::shared_ptr<rpc::connection_account> account, std::string tenant,
            chat_request request, kj::HttpService::Response& to)
      : parts_{parts}, account_{std::move(account)}, tenant_{std::move(tenant)}, request_{std::move(request)}, to_{to} {
    auto now = std::chrono::system_clock::now().time_since_epoch();
    head_ = {"chatcmpl-" + rpc::random_name(), parts.model,
             std::chrono::duration_cast<std::chrono::seconds>(now).count()};
  }

  kj::Promise<void> run() {
    if (!request_.conversation.empty()) return say_at({request_.conversation, 0}, false);
    return find_place(parts_.context, tenant_, request_.messages).then([self = shared_from_this()](place at) {
      return self->say_at(at, true);
    });
  }

 private:
  /// Says it there; if somebody else's turn is under way there, elsewhere.
  kj::Promise<void> say_at(place at, bool may_move) {
    rpc::connection_account::hold hold;
    if (auto why = account_->begin_turn(hold)) return reply(to_, parts_.headers, refused(*why, 429));
    turn_ = std::make_shared<rpc::answering>(parts_.context, account_, std::move(hold));
    say_request order{.conversation = {tenant_, at.conversation},
                      .text = request_.messages.back().content,
                      .sampling = request_.sampling,
                      .priority = request_.priority,
                      .keep = request_.keep};
    for (auto i = at.known; i + 1 < request_.messages.size(); ++i)
      order.before.push_back({request_.messages[i].role, request_.messages[i].content});
    said_ = rpc::say(turn_, std::move(order));
    return turn_->text->next().then([self = shared_from_this(), at, may_move](rpc::answer_piece piece) {
      return self->begin(at, may_move, std::move(piece));
    });
  }

  kj::Promise<void> begin(const place& at, bool may_move, rpc::answer_piece piece) {
    KJ_IF_MAYBE (failure, turn_->error) {
      auto e = from_actor({failure->getDescription().begin(), failure->getDescription().size()});
      if (e.code == "busy" && may_move)
        return find_free_place(parts_.context, tenant_, at).then([self = shared_from_this()](place free) {
          return self->say_at(free, false);
        });
      return reply(to_, parts_.headers, e);
    }
    return request_.stream ? begin_stream(std::move(piece)) : gather(std::move(piece));
  }

  // -- in one piece --

  kj::Promise<void> gather(rpc::answer_piece piece) {
    if (piece.empty()) return reply_whole();
    text_ += piece.text;
    for (auto& one : likelihoods_of(piece)) all_likelihoods_.push_back(std::move(one));
    return turn_->text->next().then(
        [self = shared_from_this()](rpc::answer_piece more) { return self->gather(std::move(more)); });
  }

  /// A list, empty where they were not asked for.
  json likelihoods_of(const rpc::answer_piece& piece) {
    auto list = to_json(piece.likelihoods, *parts_.words, likelihoods_told_ == 0);
    likelihoods_told_ += piece.likelihoods.size();
    return list;
  }
  json or_null(json list) const { return request_.sampling.likelihoods ? logprobs(std::move(list)) : json(nullptr); }

  kj::Promise<void> reply_whole() {
    KJ_IF_MAYBE (failure, turn_->error) return reply(to_, parts_.headers, from_actor(failure->getDescription().cStr()));
    return reply(to_, parts_.headers, completion(head_, text_, or_null(std::move(all_likelihoods_)), turn_->statistics),
                 {{"x-chromatin-reuse", reuse_of(turn_->statistics)}});
  }

  // -- in a stream of events --

  kj::Promise<void> begin_stream(rpc::answer_piece piece) {
    kj::HttpHeaders headers{parts_.headers};
    headers.set(kj::HttpHeaderId::CONTENT_TYPE, "text/event-stream");
    headers.add("cache-control", "no-cache");
    out_ = to_.send(200, status_text(200), headers);
    return send(dump(first_chunk(head_))).then([self = shared_from_this(), piece = std::move(piece)]() mutable {
      return self->stream(std::move(piece));
    });
  }

  kj::Promise<void> stream(rpc::answer_piece piece) {
    if (piece.empty()) return end_stream();
    return send(dump(text_chunk(head_, piece.text, or_null(likelihoods_of(piece)))))
        .then([self = shared_from_this()] { return self->turn_->text->next(); })
        .then([self = shared_from_this()](rpc::answer_piece more) { return self->stream(std::move(more)); });
  }

  kj::Promise<void> end_stream() {
    KJ_IF_MAYBE (failure, turn_->error) {
      return send(dump(to_json(from_actor(failure->getDescription().cStr())))).then([self = shared_from_this()] {
        return self->send("[DONE]");
      });
    }
    auto sent = send(dump(last_chunk(head_, turn_->statistics)));
    if (request_.include_usage)
      sent = sent.then(
          [self = shared_from_this()] { return self->send(dump(usage_chunk(self->head_, self->turn_->statistics))); });
    return sent.then([self = shared_from_this()] { return self->send("[DONE]"); }).then([self = shared_from_this()] {
      self->out_ = nullptr;
    });
  }

  kj::Promise<void> send(const std::string& data) {
    auto event = kj::str("data: ", data.c_str(), "\n\n");
    auto written = out_->write(event.begin(), event.size());
    return written.attach(kj::mv(event));
  }

  const service_parts& parts_;
  std::shared_ptr<rpc::connection_account> account_;
  std::string tenant_;
  chat_request request_;
  kj::HttpService::Response& to_;
  answer_head head_;
  std::shared_ptr<rpc::answering> turn_;
  kj::Promise<void> said_ = nullptr;
  std::string text_;
  json all_likelihoods_ = json::array();
  std::size_t likelihoods_told_ = 0;
  kj::Own<kj::AsyncOutputStream> out_;
};

}  // namespace

kj::Promise<void> answer_chat(const service_parts& parts, std::shared_ptr<rpc::connection_account> account,
                              std::string tenant, chat_request request, kj::HttpService::Response& to) {
  auto turn = std::make_shared<chat_turn>(parts, std::move(account), std::move(tenant), std::move(request), to);
  auto done = turn->run();
  return done.attach(kj::heap(std::move(turn)));
}

}  // namespace chromatin::http

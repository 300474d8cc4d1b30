#include "http/chat_turn.hpp"

#include <chrono>

#include "http/chat_response.hpp"
#include "http/event_stream.hpp"
#include "http/reply.hpp"
#include "http/spoken.hpp"

namespace chromatin::http {
namespace {

using json = nlohmann::ordered_json;

/// All choices of one request on their way to the client.
class chat_turn : public std::enable_shared_from_this<chat_turn> {
 public:
  chat_turn(const service_parts& parts, asker who, chat_request request, kj::HttpService::Response& to)
      : parts_{parts},
        who_{std::move(who)},
        request_{std::move(request)},
        to_{to},
        head_{"chatcmpl-" + rpc::random_name(), parts.model, now_s()},
        choices_(request_.n) {}

  /// The others begin when the first has: its prompt is in the cache then.
  kj::Promise<void> run() {
    return find_places()
        .then([self = shared_from_this()](std::vector<place> places) {
          for (std::size_t i = 0; i < places.size(); ++i) self->choices_[i].at = places[i];
          return self->begin(0);
        })
        .then([self = shared_from_this()] { return self->answer(); })
        .catch_([self = shared_from_this()](kj::Exception&& failure) { return self->fail(kj::mv(failure)); });
  }

 private:
  struct choice {
    place at;
    spoken_ptr said;
    std::string text;
    json likelihoods = json::array();
    std::size_t likelihoods_told = 0;
  };

  bool is_named() const { return !request_.conversation.empty(); }

  kj::Promise<std::vector<place>> find_places() {
    auto first = is_named() ? kj::Promise<place>{place{request_.conversation, 0}}
                            : find_place(parts_.context, who_.tenant, request_.messages);
    return first.then([self = shared_from_this()](place at) {
      return find_forks(self->parts_.context, self->who_.tenant, at, self->request_.n - 1, self->is_named());
    });
  }

  kj::Promise<void> begin(std::size_t i) {
    speech what{request_.messages, request_.sampling, request_.priority, request_.keep};
    what.sampling.seed += i;
    return speak_at(parts_, who_, what, choices_[i].at, !is_named())
        .then([self = shared_from_this(), i](spoken_ptr said) { self->choices_[i].said = std::move(said); });
  }

  kj::Promise<void> answer() {
    if (request_.stream) out_.emplace(parts_, to_);
    kj::Vector<kj::Promise<void>> all;
    all.add(take(0));
    for (std::size_t i = 1; i < choices_.size(); ++i)
      all.add(begin(i).then([self = shared_from_this(), i] { return self->take(i); }));
    return kj::joinPromises(all.releaseAsArray()).then([self = shared_from_this()] {
      return self->out_ ? self->end_stream() : self->reply_whole();
    });
  }

  kj::Promise<void> take(std::size_t i) {
    kj::Promise<void> ready = out_ ? out_->send(first_chunk(head_, i)) : kj::READY_NOW;
    return ready
        .then([self = shared_from_this(), i] {
          return each_piece(self->choices_[i].said,
                            [self, i](rpc::answer_piece piece) { return self->take_piece(i, std::move(piece)); });
        })
        .then([self = shared_from_this(), i]() -> kj::Promise<void> {
          auto stopped = self->choices_[i].said->turn->statistics.stopped;
          if (self->out_) return self->out_->send(last_chunk(self->head_, i, stopped));
          return kj::READY_NOW;
        });
  }

  kj::Promise<void> take_piece(std::size_t i, rpc::answer_piece piece) {
    auto& c = choices_[i];
    auto likelihoods = to_json(piece.likelihoods, *parts_.words, c.likelihoods_told == 0);
    c.likelihoods_told += piece.likelihoods.size();
    if (out_) return out_->send(text_chunk(head_, i, piece.text, or_null(std::move(likelihoods))));
    c.text += piece.text;
    for (auto& one : likelihoods) c.likelihoods.push_back(std::move(one));
    return kj::READY_NOW;
  }

  json or_null(json likelihoods) const {
    return request_.sampling.likelihoods ? logprobs(std::move(likelihoods)) : json(nullptr);
  }

  std::vector<turn_statistics> statistics() const {
    std::vector<turn_statistics> all;
    for (const auto& c : choices_) all.push_back(c.said->turn->statistics);
    return all;
  }

  kj::Promise<void> reply_whole() {
    std::vector<whole_choice> all;
    for (auto& c : choices_)
      all.push_back({std::move(c.text), or_null(std::move(c.likelihoods)), c.said->turn->statistics.stopped});
    return reply(to_, parts_.headers, completion(head_, std::move(all), statistics()),
                 {{"x-chromatin-reuse", reuse_of(statistics())}});
  }

  kj::Promise<void> end_stream() {
    kj::Promise<void> usage = request_.include_usage ? out_->send(usage_chunk(head_, statistics())) : kj::READY_NOW;
    return usage.then([self = shared_from_this()] { return self->out_->send_text("[DONE]"); })
        .then([self = shared_from_this()] { self->out_->end(); });
  }

  /// Where a stream has begun, its last event says what went wrong.
  kj::Promise<void> fail(kj::Exception failure) {
    if (failure.getType() == kj::Exception::Type::DISCONNECTED) return failure;
    auto why = error_of(failure);
    if (!out_) return reply(to_, parts_.headers, why);
    return out_->send(to_json(why))
        .then([self = shared_from_this()] { return self->out_->send_text("[DONE]"); })
        .then([self = shared_from_this()] { self->out_->end(); });
  }

  const service_parts& parts_;
  asker who_;
  chat_request request_;
  kj::HttpService::Response& to_;
  answer_head head_;
  std::vector<choice> choices_;
  std::optional<event_stream> out_;
};

}  // namespace

kj::Promise<void> answer_chat(const service_parts& parts, asker who, chat_request request,
                              kj::HttpService::Response& to) {
  auto turn = std::make_shared<chat_turn>(parts, std::move(who), std::move(request), to);
  auto done = turn->run();
  return done.attach(kj::heap(std::move(turn)));
}

}  // namespace chromatin::http

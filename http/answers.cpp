#include "http/answers.hpp"

#include <iterator>

#include "http/reply.hpp"

namespace chromatin::http {

kj::Promise<void> answers::run() {
  auto places = take_places(parts_, who_, choices_.size(), n_ > 1 ? "n" : messages_field());
  for (std::size_t i = 0; i < choices_.size(); ++i) choices_[i].counted = std::move(places[i]);
  return prepare()
      .then([self = shared_from_this()] { return self->begin_and_keep(0); })
      .then([self = shared_from_this()] { return self->answer(); })
      .catch_([self = shared_from_this()](kj::Exception&& failure) { return self->fail(kj::mv(failure)); });
}

kj::Promise<void> answers::begin_and_keep(std::size_t i) {
  return begin(i, std::move(choices_[i].counted)).then([self = shared_from_this(), i](spoken_ptr said) {
    self->choices_[i].said = std::move(said);
  });
}

kj::Promise<void> answers::answer() {
  if (stream_) out_.emplace(parts_, to_);
  kj::Vector<kj::Promise<void>> all;
  all.add(take_with_others(0));
  for (auto first = n_; first < choices_.size(); first += n_)
    all.add(begin_and_keep(first).then([self = shared_from_this(), first] { return self->take_with_others(first); }));
  return kj::joinPromises(all.releaseAsArray()).then([self = shared_from_this()] {
    return self->out_ ? self->end_stream() : self->reply_whole();
  });
}

kj::Promise<void> answers::take_with_others(std::size_t first) {
  kj::Vector<kj::Promise<void>> all;
  all.add(take(first));
  for (auto i = first + 1; i < first + n_; ++i)
    all.add(begin_and_keep(i).then([self = shared_from_this(), i] { return self->take(i); }));
  return kj::joinPromises(all.releaseAsArray());
}

kj::Promise<void> answers::take(std::size_t i) {
  kj::Promise<void> ready = out_ ? send(first_event(i)) : kj::READY_NOW;
  return ready
      .then([self = shared_from_this(), i] {
        return each_piece(self->choices_[i].said,
                          [self, i](rpc::answer_piece piece) { return self->take_piece(i, std::move(piece)); });
      })
      .then([self = shared_from_this(), i]() -> kj::Promise<void> {
        if (!self->out_) return kj::READY_NOW;
        return self->send(self->last_event(i, self->choices_[i].said->turn->statistics.stopped));
      });
}

kj::Promise<void> answers::take_piece(std::size_t i, rpc::answer_piece piece) {
  auto& c = choices_[i];
  if (out_) {
    auto before = c.tokens_told;
    c.tokens_told += piece.likelihoods.size();
    return send(text_event(i, piece, before));
  }
  c.all.text += piece.text;
  std::ranges::move(piece.likelihoods, std::back_inserter(c.all.likelihoods));
  return kj::READY_NOW;
}

kj::Promise<void> answers::send(const json& event) {
  if (event.is_null()) return kj::READY_NOW;
  return out_->send(event);
}

std::vector<turn_statistics> answers::statistics() const {
  std::vector<turn_statistics> all;
  for (const auto& c : choices_) all.push_back(c.said->turn->statistics);
  return all;
}

kj::Promise<void> answers::reply_whole() {
  std::vector<rpc::answer_piece> pieces;
  for (auto& c : choices_) pieces.push_back(std::move(c.all));
  return reply(to_, parts_.headers, whole(pieces, statistics()), {{"x-chromatin-reuse", reuse_of(statistics())}});
}

kj::Promise<void> answers::end_stream() {
  kj::Promise<void> usage = include_usage_ ? send(usage_event(statistics())) : kj::READY_NOW;
  return usage.then([self = shared_from_this()] { return self->out_->send_text("[DONE]"); })
      .then([self = shared_from_this()] { self->out_->end(); });
}

/// Where a stream has begun, its last event says what went wrong.
kj::Promise<void> answers::fail(kj::Exception failure) {
  if (failure.getType() == kj::Exception::Type::DISCONNECTED) return failure;
  auto why = with_messages_called(error_of(failure), messages_field());
  if (!out_) return reply(to_, parts_.headers, why);
  return out_->send(to_json(why))
      .then([self = shared_from_this()] { return self->out_->send_text("[DONE]"); })
      .then([self = shared_from_this()] { self->out_->end(); });
}

}  // namespace chromatin::http

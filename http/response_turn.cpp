#include "http/response_turn.hpp"

#include <optional>

#include "http/event_stream.hpp"
#include "http/reply.hpp"
#include "http/response_object.hpp"
#include "http/transcripts.hpp"
#include "rpc/ask.hpp"

namespace chromatin::http {
namespace {

using nlohmann::ordered_json;

/// A response on its way to the client.
class response_turn : public std::enable_shared_from_this<response_turn> {
 public:
  response_turn(const service_parts& parts, asker who, response_request request, kj::HttpService::Response& to)
      : parts_{parts},
        who_{std::move(who)},
        request_{std::move(request)},
        to_{to},
        object_{request_, rpc::random_name(), rpc::random_name(), parts.checkpoint.name, now_s()} {}

  /// Throws error where it has no place.
  kj::Promise<void> run() {
    counted_ = take_places(parts_, who_, 1, "input").front();
    return begin()
        .then([self = shared_from_this()](spoken_ptr said) {
          self->said_ = std::move(said);
          return self->request_.stream ? self->begin_stream() : kj::Promise<void>{kj::READY_NOW};
        })
        .then([self = shared_from_this()] {
          return each_piece(self->said_, [self](rpc::answer_piece piece) { return self->take(std::move(piece)); });
        })
        .then([self = shared_from_this()] { return self->keep(); })
        .then([self = shared_from_this()] { return self->out_ ? self->end_stream() : self->reply_whole(); })
        .catch_([self = shared_from_this()](kj::Exception&& failure) { return self->fail(kj::mv(failure)); });
  }

 private:
  speech saying_after(std::vector<model::message> before) const {
    if (!request_.instructions.empty()) before.insert(before.begin(), {"system", request_.instructions});
    before.insert(before.end(), request_.input.begin(), request_.input.end());
    return {std::move(before), request_.sampling, request_.priority, request_.keep, request_.cache_salt};
  }

  // -- where it is said --

  kj::Promise<spoken_ptr> begin() {
    if (!request_.previous.empty()) return begin_behind_previous();
    if (request_.conversation.empty()) return begin_behind({});
    place named{request_.conversation, 0, true};
    if (request_.instructions.empty()) return speak_at(parts_, who_, counted_, saying_after({}), named);
    return read_beginning().then([self = shared_from_this(), named](message_list first) -> kj::Promise<spoken_ptr> {
      auto what = self->saying_after({});
      if (first.empty()) return speak_at(self->parts_, self->who_, self->counted_, what, named);
      if (first.front().role != "system" || first.front().content != self->request_.instructions)
        return rpc::to_exception(wrong_field("instructions", ec::invalid_argument,
                                             "a conversation's instructions are those that it began with"));
      what.messages.erase(what.messages.begin());
      return speak_at(self->parts_, self->who_, self->counted_, what, named);
    });
  }

  /// Of the named conversation, the first message; nothing if there is none.
  kj::Promise<message_list> read_beginning() {
    auto& context = parts_.context;
    conversation_ref which{who_.tenant, request_.conversation};
    return rpc::ask<transcript>(context.system, context.gateway, atom::read_v, which, 0u, 1u)
        .then([](transcript said) -> kj::Promise<message_list> { return std::move(said.messages); },
              [](kj::Exception&& failure) -> kj::Promise<message_list> {
                if (error_of(failure).code != "no_conversation") return kj::mv(failure);
                return message_list{};
              });
  }

  /// In the conversation that begins with the most of these messages.
  kj::Promise<spoken_ptr> begin_behind(std::vector<model::message> before) {
    auto what = saying_after(std::move(before));
    auto found = find_place(parts_.context, who_.tenant, what.salt, what.messages);
    return found.then([self = shared_from_this(), what = std::move(what)](place at) {
      return speak_at(self->parts_, self->who_, self->counted_, what, at);
    });
  }

  kj::Promise<spoken_ptr> begin_behind_previous() {
    auto& context = parts_.context;
    return rpc::ask<conversation_point>(context.system, context.gateway, atom::point_v, who_.tenant, request_.previous)
        .then([self = shared_from_this()](conversation_point point) { return self->begin_at(std::move(point)); });
  }

  /// Instructions are those of one response: with the same ones it goes on where the one before ended, unless somebody
  /// else did already; else behind the messages without them.
  kj::Promise<spoken_ptr> begin_at(conversation_point point) {
    auto theirs = instructions_of(point.note);
    auto behind = [self = shared_from_this(), point, theirs] {
      return read_messages_of(self->parts_, {self->who_.tenant, point.id}, point.messages)
          .then([self, theirs](message_list before) {
            if (!theirs.empty() && !before.empty()) before.erase(before.begin());
            return self->begin_behind(std::move(before));
          });
    };
    if (theirs != request_.instructions) return behind();
    speech what{request_.input, request_.sampling, request_.priority, request_.keep, request_.cache_salt};
    auto order = saying(who_, what, {point.id, 0, true});
    order.known = point.messages;
    return speak(parts_, who_, counted_, std::move(order))
        .catch_([behind](kj::Exception&& failure) -> kj::Promise<spoken_ptr> {
          if (error_of(failure).code != "busy") return kj::mv(failure);
          return behind();
        });
  }

  static std::string instructions_of(const std::string& note) {
    auto response = from_note(note, {});
    if (!response || !response->contains("instructions")) return {};
    const auto& given = (*response)["instructions"];
    return given.is_string() ? given.get<std::string>() : std::string{};
  }

  // -- the answer --

  kj::Promise<void> take(rpc::answer_piece piece) {
    auto likelihoods = to_json(piece.likelihoods, *parts_.checkpoint.tokenizer, likelihoods_.empty());
    for (const auto& one : likelihoods) likelihoods_.push_back(one);
    text_ += piece.text;
    if (!out_) return kj::READY_NOW;
    return send(object_.delta(piece.text, std::move(likelihoods)));
  }

  /// The answer is durable; so is its name, before the client hears that it is complete.
  kj::Promise<void> keep() {
    object_.end(said_->turn->statistics, now_s());
    if (!request_.store) return kj::READY_NOW;
    auto& context = parts_.context;
    conversation_point point{said_->conversation, said_->turn->statistics.messages,
                             to_note(object_.whole(text_, likelihoods_))};
    return rpc::ask<void>(context.system, context.gateway, atom::point_v, who_.tenant, object_.id(), std::move(point));
  }

  kj::Promise<void> reply_whole() {
    return reply(to_, parts_.headers, object_.whole(text_, likelihoods_),
                 {{"x-chromatin-reuse", reuse_of({said_->turn->statistics})}});
  }

  kj::Promise<void> begin_stream() {
    out_.emplace(parts_, to_);
    return send_all({object_.created(), object_.in_progress(), object_.item_added(), object_.part_added()});
  }

  kj::Promise<void> end_stream() {
    return send_all({object_.text_done(text_, likelihoods_), object_.part_done(text_, likelihoods_),
                     object_.item_done(text_, likelihoods_), object_.over(text_, likelihoods_)})
        .then([self = shared_from_this()] { self->out_->end(); });
  }

  kj::Promise<void> send(const ordered_json& event) { return out_->send(event["type"].get<std::string>(), event); }
  /// Events go out in their order.
  kj::Promise<void> send_all(const std::vector<ordered_json>& events) {
    kj::Vector<kj::Promise<void>> all;
    for (const auto& event : events) all.add(send(event));
    return kj::joinPromises(all.releaseAsArray());
  }

  /// Where a stream has begun, its last event says what went wrong.
  kj::Promise<void> fail(kj::Exception failure) {
    if (failure.getType() == kj::Exception::Type::DISCONNECTED) return failure;
    auto why = with_messages_called(error_of(failure), "input");
    if (!out_) {
      if (why.code == "no_conversation" && !request_.previous.empty()) {
        why.code = "previous_response_not_found";
        why.param = "previous_response_id";
      }
      return reply(to_, parts_.headers, why);
    }
    return send(object_.failed(why.status, why.message)).then([self = shared_from_this()] { self->out_->end(); });
  }

  const service_parts& parts_;
  asker who_;
  response_request request_;
  kj::HttpService::Response& to_;
  response_object object_;
  turn_place counted_;
  spoken_ptr said_;
  std::string text_;
  ordered_json likelihoods_ = ordered_json::array();
  std::optional<event_stream> out_;
};

}  // namespace

kj::Promise<void> answer_response(const service_parts& parts, asker who, response_request request,
                                  kj::HttpService::Response& to) {
  return run_to_its_end<response_turn>(parts, std::move(who), std::move(request), to);
}

}  // namespace chromatin::http

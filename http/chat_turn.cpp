#include "http/chat_turn.hpp"

#include "http/answers.hpp"

namespace chromatin::http {
namespace {

class chat_answers final : public answers {
 public:
  chat_answers(const service_parts& parts, asker who, chat_request request, kj::HttpService::Response& to)
      : answers{parts, std::move(who), to, 1, request.n, request.stream, request.include_usage},
        request_{std::move(request)},
        head_{"chatcmpl-" + rpc::random_name(), parts.checkpoint.name, now_s()} {}

 private:
  kj::Promise<void> prepare() override {
    auto& context = parts_.context;
    auto first = request_.conversation.empty()
                     ? find_place(context, who_.tenant, request_.cache_salt, request_.messages)
                     : kj::Promise<place>{place{request_.conversation, 0, true}};
    return first.then([this, &context](place at) { return find_forks(context, who_.tenant, at, request_.n - 1); })
        .then([this](std::vector<place> places) { places_ = std::move(places); });
  }

  kj::Promise<spoken_ptr> begin(std::size_t choice, turn_place counted) override {
    speech what{request_.messages, request_.sampling, request_.priority, request_.keep, request_.cache_salt};
    what.sampling.seed += choice;
    return speak_at(parts_, who_, std::move(counted), what, places_.at(choice));
  }

  json likelihoods_of(const rpc::answer_piece& piece, bool first) const {
    if (!request_.sampling.likelihoods) return nullptr;
    return logprobs(to_json(piece.likelihoods, *parts_.checkpoint.tokenizer, first));
  }

  const char* messages_field() const override { return "messages"; }
  json first_event(std::size_t choice) override { return first_chunk(head_, choice); }
  json text_event(std::size_t choice, const rpc::answer_piece& piece, std::size_t tokens_before) override {
    return text_chunk(head_, choice, piece.text, likelihoods_of(piece, tokens_before == 0));
  }
  json last_event(std::size_t choice, stop_reason stopped) override { return last_chunk(head_, choice, stopped); }
  json usage_event(const std::vector<turn_statistics>& statistics) override { return usage_chunk(head_, statistics); }

  json whole(const std::vector<rpc::answer_piece>& pieces, const std::vector<turn_statistics>& statistics) override {
    std::vector<whole_choice> all;
    for (std::size_t i = 0; i < pieces.size(); ++i)
      all.push_back({pieces[i].text, likelihoods_of(pieces[i], true), statistics[i].stopped});
    return completion(head_, std::move(all), statistics);
  }

  chat_request request_;
  answer_head head_;
  std::vector<place> places_;  ///< of the choices
};

}  // namespace

kj::Promise<void> answer_chat(const service_parts& parts, asker who, chat_request request,
                              kj::HttpService::Response& to) {
  return run_to_its_end<chat_answers>(parts, std::move(who), std::move(request), to);
}

}  // namespace chromatin::http

#include "http/completion_turn.hpp"

#include "http/answers.hpp"
#include "http/completion_response.hpp"

namespace chromatin::http {
namespace {

class completion_answers final : public answers {
 public:
  completion_answers(const service_parts& parts, asker who, completion_request request, kj::HttpService::Response& to)
      : answers{parts, std::move(who), to, request.prompts.size(), request.n, request.stream, request.include_usage},
        request_{std::move(request)},
        head_{"cmpl-" + rpc::random_name(), parts.checkpoint.name, now_s()},
        offsets_(request_.prompts.size() * request_.n) {}

 private:
  kj::Promise<spoken_ptr> begin(std::size_t choice, turn_place counted) override {
    say_request order{.conversation = {who_.tenant, {}, request_.cache_salt},
                      .plain = request_.prompts[choice / request_.n],
                      .sampling = request_.sampling,
                      .priority = request_.priority,
                      .keep = request_.keep};
    order.sampling.seed += choice % request_.n;
    return speak(parts_, who_, std::move(counted), std::move(order));
  }

  json choice_of(std::size_t choice, const rpc::answer_piece& piece, std::size_t tokens_before, json reason) {
    auto likelihoods = json(nullptr);
    if (request_.sampling.likelihoods)
      likelihoods =
          text_logprobs(piece.likelihoods, *parts_.checkpoint.tokenizer, tokens_before == 0, offsets_[choice]);
    return text_choice(choice, piece.text, std::move(likelihoods), std::move(reason));
  }

  const char* messages_field() const override { return "prompt"; }
  json text_event(std::size_t choice, const rpc::answer_piece& piece, std::size_t tokens_before) override {
    return text_completion(head_, {choice_of(choice, piece, tokens_before, nullptr)});
  }
  json last_event(std::size_t choice, stop_reason stopped) override {
    return text_completion(head_, {text_choice(choice, {}, nullptr, finish_reason(stopped))});
  }
  json usage_event(const std::vector<turn_statistics>& statistics) override {
    return text_completion(head_, {}, statistics, request_.prompts.size());
  }
  json whole(const std::vector<rpc::answer_piece>& pieces, const std::vector<turn_statistics>& statistics) override {
    std::vector<json> all;
    for (std::size_t i = 0; i < pieces.size(); ++i)
      all.push_back(choice_of(i, pieces[i], 0, finish_reason(statistics[i].stopped)));
    return text_completion(head_, std::move(all), statistics, request_.prompts.size());
  }

  completion_request request_;
  answer_head head_;
  std::vector<std::size_t> offsets_;  ///< of each choice's text, in characters
};

}  // namespace

kj::Promise<void> answer_completion(const service_parts& parts, asker who, completion_request request,
                                    kj::HttpService::Response& to) {
  return run_to_its_end<completion_answers>(parts, std::move(who), std::move(request), to);
}

}  // namespace chromatin::http

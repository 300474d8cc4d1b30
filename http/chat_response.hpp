#pragma once

/// What is answered to POST /v1/chat/completions. Pure.

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "actors/messages.hpp"
#include "model/tokenizer.hpp"
#include "rpc/text_queue.hpp"

namespace chromatin::http {

/// What all parts of one answer have in common.
struct answer_head {
  std::string id;
  std::string model;
  std::int64_t created_s = 0;  ///< since 1970
};

/// `likelihoods`: those of the answer, null where they were not asked for.
nlohmann::ordered_json completion(const answer_head& head, const std::string& text, nlohmann::ordered_json likelihoods,
                                  const turn_statistics& statistics);

/// The first chunk of a stream, which has the role; then those with text; then the one with the reason of the end.
nlohmann::ordered_json first_chunk(const answer_head& head);
nlohmann::ordered_json text_chunk(const answer_head& head, const std::string& text, nlohmann::ordered_json likelihoods);
nlohmann::ordered_json last_chunk(const answer_head& head, const turn_statistics& statistics);
/// Behind the last, for who asked for it.
nlohmann::ordered_json usage_chunk(const answer_head& head, const turn_statistics& statistics);

/// The list for `logprobs.content`. `first`: they begin an answer.
nlohmann::ordered_json to_json(const std::vector<model::token_likelihood>& likelihoods, const model::tokenizer& words,
                               bool first);
/// `logprobs` with such a list.
nlohmann::ordered_json logprobs(nlohmann::ordered_json content);

/// For the header x-chromatin-reuse: "device=64, host=0, disk=128, computed=7".
std::string reuse_of(const turn_statistics& statistics);

}  // namespace chromatin::http

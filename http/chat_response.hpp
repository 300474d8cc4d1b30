#pragma once

/// What is answered to POST /v1/chat/completions. Pure.

#include <cstdint>
#include <string>
#include <vector>

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

/// Since 1970.
std::int64_t now_s();

// What other endpoints' answers have, too.
nlohmann::ordered_json head_of(const answer_head& head, const char* object);
const char* finish_reason(stop_reason why);
/// Choices of one prompt stand beside each other and share it: it counts once.
nlohmann::ordered_json usage(const std::vector<turn_statistics>& turns, std::size_t prompts = 1);
/// Of a token in an answer; perhaps part of a character. `first`: it begins the answer.
std::string text_of(const model::tokenizer& words, kv::token_id token, bool first);

struct whole_choice {
  std::string text;
  nlohmann::ordered_json likelihoods;  ///< null where they were not asked for
  stop_reason stopped = stop_reason::end_of_answer;
};

/// Choices and the statistics of their turns.
nlohmann::ordered_json completion(const answer_head& head, std::vector<whole_choice> choices,
                                  const std::vector<turn_statistics>& statistics);

/// A choice's first chunk in a stream, which has the role; then those with text; then the one with the reason of the
/// end.
nlohmann::ordered_json first_chunk(const answer_head& head, std::size_t choice);
nlohmann::ordered_json text_chunk(const answer_head& head, std::size_t choice, const std::string& text,
                                  nlohmann::ordered_json likelihoods);
nlohmann::ordered_json last_chunk(const answer_head& head, std::size_t choice, stop_reason stopped);
/// Behind the last, for who asked for it; with where the prompt came from (what a whole answer has in a header), and
/// how long it took.
nlohmann::ordered_json usage_chunk(const answer_head& head, const std::vector<turn_statistics>& statistics);

/// The list for `logprobs.content`. `first`: they begin an answer.
nlohmann::ordered_json to_json(const std::vector<model::token_likelihood>& likelihoods, const model::tokenizer& words,
                               bool first);
/// `logprobs` with such a list.
nlohmann::ordered_json logprobs(nlohmann::ordered_json content);

/// For the header x-chromatin-reuse, over all turns: "device=64, host=0, disk=128, computed=7".
std::string reuse_of(const std::vector<turn_statistics>& statistics);

}  // namespace chromatin::http

#pragma once

/// What is answered to POST /v1/completions. Pure.

#include <vector>

#include "http/chat_response.hpp"

namespace chromatin::http {

/// Whole, or a chunk of a stream; with `usage` if there are statistics, of the answers to so many prompts.
nlohmann::ordered_json text_completion(const answer_head& head, std::vector<nlohmann::ordered_json> choices,
                                       const std::vector<turn_statistics>& statistics = {}, std::size_t prompts = 1);

/// `likelihoods` and `reason` may be null.
nlohmann::ordered_json text_choice(std::size_t choice, const std::string& text, nlohmann::ordered_json likelihoods,
                                   nlohmann::ordered_json reason);

/// `logprobs` of a choice. `first`: they begin an answer. `offset`, in characters, goes on behind them.
nlohmann::ordered_json text_logprobs(const std::vector<model::token_likelihood>& likelihoods,
                                     const model::tokenizer& words, bool first, std::size_t& offset);

}  // namespace chromatin::http

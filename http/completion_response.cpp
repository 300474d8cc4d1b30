#include "http/completion_response.hpp"

#include <algorithm>

namespace chromatin::http {

using nlohmann::ordered_json;

ordered_json text_completion(const answer_head& head, std::vector<ordered_json> choices,
                             const std::vector<turn_statistics>& statistics, std::size_t prompts) {
  auto content = head_of(head, "text_completion");
  content["choices"] = std::move(choices);
  if (!statistics.empty()) content["usage"] = usage(statistics, prompts);
  return content;
}

ordered_json text_choice(std::size_t choice, const std::string& text, ordered_json likelihoods, ordered_json reason) {
  return {
      {"text", text}, {"index", choice}, {"logprobs", std::move(likelihoods)}, {"finish_reason", std::move(reason)}};
}

ordered_json text_logprobs(const std::vector<model::token_likelihood>& likelihoods, const model::tokenizer& words,
                           bool first, std::size_t& offset) {
  ordered_json content{{"text_offset", ordered_json::array()},
                       {"token_logprobs", ordered_json::array()},
                       {"tokens", ordered_json::array()},
                       {"top_logprobs", ordered_json::array()}};
  for (const auto& one : likelihoods) {
    auto text = text_of(words, one.token, first);
    auto top = ordered_json::object();
    for (auto [token, logarithm] : one.likeliest) top[text_of(words, token, first)] = logarithm;
    content["text_offset"].push_back(offset);
    content["token_logprobs"].push_back(one.logarithm);
    content["top_logprobs"].push_back(std::move(top));
    // A character's bytes after its first do not count.
    offset += static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
    content["tokens"].push_back(std::move(text));
    first = false;
  }
  return content;
}

}  // namespace chromatin::http

#include "http/chat_response.hpp"

#include <fmt/format.h>

namespace chromatin::http {
namespace {

using json = nlohmann::ordered_json;

const char* finish_reason(stop_reason why) {
  switch (why) {
    case stop_reason::tokens_max:
    case stop_reason::context_full:
      return "length";
    default:
      return "stop";
  }
}

json usage(const turn_statistics& s) {
  return {
      {"prompt_tokens", s.prompt_tokens},
      {"completion_tokens", s.answer_tokens},
      {"total_tokens", s.prompt_tokens + s.answer_tokens},
      {"prompt_tokens_details", {{"cached_tokens", s.prompt_tokens - std::min(s.prompt_tokens, s.computed_tokens)}}}};
}

json head_of(const answer_head& head, const char* object) {
  return {{"id", head.id}, {"object", object}, {"created", head.created_s}, {"model", head.model}};
}

json chunk(const answer_head& head, json delta, json likelihoods, json reason) {
  auto content = head_of(head, "chat.completion.chunk");
  content["choices"] = json::array({{{"index", 0},
                                     {"delta", std::move(delta)},
                                     {"logprobs", std::move(likelihoods)},
                                     {"finish_reason", std::move(reason)}}});
  return content;
}

/// A token as text, as bytes, and how likely it was.
json likely_token(const model::tokenizer& words, kv::token_id token, float logarithm, bool first) {
  auto bytes = words.bytes(token);
  if (first && words.adds_leading_space() && bytes.starts_with(' ')) bytes.erase(0, 1);
  json numbers = json::array();
  for (unsigned char byte : bytes) numbers.push_back(byte);
  return {{"token", std::move(bytes)}, {"logprob", logarithm}, {"bytes", std::move(numbers)}};
}

}  // namespace

json to_json(const std::vector<model::token_likelihood>& likelihoods, const model::tokenizer& words, bool first) {
  json list = json::array();
  for (const auto& one : likelihoods) {
    auto entry = likely_token(words, one.token, one.logarithm, first);
    auto& top = entry["top_logprobs"] = json::array();
    for (auto [token, logarithm] : one.likeliest) top.push_back(likely_token(words, token, logarithm, first));
    list.push_back(std::move(entry));
    first = false;
  }
  return list;
}

json logprobs(json content) { return {{"content", std::move(content)}, {"refusal", nullptr}}; }

json completion(const answer_head& head, const std::string& text, json likelihoods, const turn_statistics& statistics) {
  auto content = head_of(head, "chat.completion");
  content["choices"] = json::array({{{"index", 0},
                                     {"message", {{"role", "assistant"}, {"content", text}, {"refusal", nullptr}}},
                                     {"logprobs", std::move(likelihoods)},
                                     {"finish_reason", finish_reason(statistics.stopped)}}});
  content["usage"] = usage(statistics);
  return content;
}

json first_chunk(const answer_head& head) {
  return chunk(head, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr);
}

json text_chunk(const answer_head& head, const std::string& text, json likelihoods) {
  return chunk(head, {{"content", text}}, std::move(likelihoods), nullptr);
}

json last_chunk(const answer_head& head, const turn_statistics& statistics) {
  return chunk(head, json::object(), nullptr, finish_reason(statistics.stopped));
}

json usage_chunk(const answer_head& head, const turn_statistics& statistics) {
  auto content = head_of(head, "chat.completion.chunk");
  content["choices"] = json::array();
  content["usage"] = usage(statistics);
  return content;
}

std::string reuse_of(const turn_statistics& s) {
  auto of = [&](std::string_view tier) {
    std::uint32_t tokens = 0;
    for (const auto& hit : s.hits)
      if (hit.tier == tier) tokens += hit.tokens;
    return tokens;
  };
  return fmt::format("device={}, host={}, disk={}, computed={}", of("device"), of("host"), of("disk"),
                     s.computed_tokens);
}

}  // namespace chromatin::http

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

json chunk(const answer_head& head, json delta, json reason) {
  auto content = head_of(head, "chat.completion.chunk");
  content["choices"] = json::array(
      {{{"index", 0}, {"delta", std::move(delta)}, {"logprobs", nullptr}, {"finish_reason", std::move(reason)}}});
  return content;
}

}  // namespace

json completion(const answer_head& head, const std::string& text, const turn_statistics& statistics) {
  auto content = head_of(head, "chat.completion");
  content["choices"] = json::array({{{"index", 0},
                                     {"message", {{"role", "assistant"}, {"content", text}, {"refusal", nullptr}}},
                                     {"logprobs", nullptr},
                                     {"finish_reason", finish_reason(statistics.stopped)}}});
  content["usage"] = usage(statistics);
  return content;
}

json first_chunk(const answer_head& head) { return chunk(head, {{"role", "assistant"}, {"content", ""}}, nullptr); }

json text_chunk(const answer_head& head, const std::string& text) { return chunk(head, {{"content", text}}, nullptr); }

json last_chunk(const answer_head& head, const turn_statistics& statistics) {
  return chunk(head, json::object(), finish_reason(statistics.stopped));
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

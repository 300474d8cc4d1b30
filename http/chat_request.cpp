#include "http/chat_request.hpp"

#include <fmt/format.h>

#include "http/limits.hpp"
#include "http/message_fields.hpp"

namespace chromatin::http {
namespace {

using nlohmann::json;

void refuse_what_chat_lacks(const fields& body) {
  for (const char* name : {"tools", "functions", "audio", "prediction", "web_search_options"}) body.refuse(name, false);
  for (const char* name : {"tool_choice", "function_call"}) {
    const auto* value = body.find(name);
    body.refuse(name, value && (*value == "none" || *value == "auto"));
  }
  const auto* format = body.find("response_format");
  body.refuse("response_format", format && *format == json{{"type", "text"}});
  body.refuse_unless("modalities", json::array({"text"}));
}

std::optional<std::uint32_t> chat_likelihoods(const fields& body) {
  auto top = static_cast<std::uint32_t>(body.whole("top_logprobs", 0, limits.likelihoods_max, 0));
  if (body.flag("logprobs")) return top;
  if (top > 0) wrong("top_logprobs", "top_logprobs needs logprobs to be true");
  return {};
}

}  // namespace

chat_request read_chat_request(std::string_view text, const reading& with) {
  auto content = parse_object(text);
  fields body{content, {}};
  refuse_what_chat_lacks(body);
  chat_request r{read_answer_fields(body, with), read_messages(body, "messages"), body.text("conversation")};
  if (!r.conversation.empty()) check_name("conversation", r.conversation);
  r.sampling.likelihoods = chat_likelihoods(body);
  check_sampling(body, r.sampling);
  return r;
}

}  // namespace chromatin::http

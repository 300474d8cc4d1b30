#include "http/response_request.hpp"

#include "http/limits.hpp"
#include "http/message_fields.hpp"
#include "http/metadata.hpp"

namespace chromatin::http {
namespace {

using nlohmann::json;

std::vector<model::message> input_of(const fields& body) {
  const auto* given = body.find("input");
  if (!given) wrong("input", "input is missing");
  if (!given->is_string() && !given->is_array()) wrong("input", "input must be a string or a list of messages");
  if (given->is_string()) {
    check_text("input", given->get_ref<const std::string&>());
    return {{"user", given->get<std::string>()}};
  }
  return read_messages(body, "input");
}

/// Its name, or an object with its id.
std::string conversation_of(const fields& body) {
  const auto* given = body.find("conversation");
  bool named = given && given->is_object();
  auto name = named ? fields{*given, "conversation"}.text("id") : body.text("conversation");
  if (named || !name.empty()) check_name(named ? "conversation.id" : "conversation", name);
  return name;
}

void refuse_what_responses_lack(const fields& body) {
  for (const char* name : {"tools", "prompt", "context_management"}) body.refuse(name, false);
  const auto* choice = body.find("tool_choice");
  body.refuse("tool_choice", choice && (*choice == "none" || *choice == "auto"));
  body.refuse_unless("background", false);
  if (const auto* text = body.find("text")) {
    if (!text->is_object()) wrong("text", "text must be an object");
    fields{*text, "text"}.refuse_unless("format", json{{"type", "text"}});
  }
}

/// Log-probabilities are asked for by two fields.
std::optional<std::uint32_t> response_likelihoods(const fields& body) {
  auto top = static_cast<std::uint32_t>(body.whole("top_logprobs", 0, limits.likelihoods_max, 0));
  constexpr const char* wanted = "message.output_text.logprobs";
  bool asked = top > 0;
  if (const auto* include = body.find("include")) {
    if (!include->is_array()) wrong("include", "include must be a list");
    for (const auto& one : *include) {
      if (one != wanted && one != "reasoning.encrypted_content")  // of which there is none
        wrong("include", fmt::format("include: only {} is served", wanted));
      asked |= one == wanted;
    }
  }
  return asked ? std::optional{top} : std::nullopt;
}

}  // namespace

response_request read_response_request(std::string_view text, const reading& with) {
  auto content = parse_object(text);
  fields body{content, {}};
  refuse_what_responses_lack(body);
  response_request r{
      read_answer_fields(body, with), input_of(body), body.text("instructions"), body.text("previous_response_id"),
      conversation_of(body),          true,           read_metadata(body)};
  if (r.n > 1) wrong("n", "a response is one answer");
  if (!r.previous.empty() && !r.conversation.empty())
    wrong("conversation", "conversation and previous_response_id cannot be given both");
  check_text("instructions", r.instructions);
  r.sampling.likelihoods = response_likelihoods(body);
  r.sampling.tokens_max =
      static_cast<std::uint32_t>(body.whole("max_output_tokens", 1, limits.answer_tokens_max, r.sampling.tokens_max));
  check_sampling(body, r.sampling);
  if (body.find("store")) r.store = body.flag("store");
  return r;
}

}  // namespace chromatin::http

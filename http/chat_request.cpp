#include "http/chat_request.hpp"

#include <fmt/format.h>

#include "http/fields.hpp"

namespace chromatin::http {
namespace {

using json = nlohmann::json;

std::string text_of(const json& content, const std::string& path) {
  if (content.is_null()) return {};
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) wrong(path, fmt::format("{} must be a string or a list of text parts", path));
  std::string all;
  for (std::size_t i = 0; i < content.size(); ++i) {
    auto at = fmt::format("{}[{}]", path, i);
    if (!content[i].is_object()) wrong(at, fmt::format("{} must be an object", at));
    fields part{content[i], at};
    if (auto type = part.text("type"); type != "text")
      wrong(part.path("type"), fmt::format("{} must be \"text\": parts of type \"{}\" are not served", at, type));
    all += part.text("text");
  }
  return all;
}

model::message message_of(const json& given, const std::string& path) {
  if (!given.is_object()) wrong(path, fmt::format("{} must be an object", path));
  fields m{given, path};
  auto role = m.text("role");
  if (role == "developer") role = "system";
  if (role != "system" && role != "user" && role != "assistant")
    wrong(m.path("role"), fmt::format("{} must be system, developer, user or assistant", m.path("role")));
  m.refuse("tool_calls", false);
  m.refuse("function_call", false);
  m.refuse("audio", false);
  const auto* content = m.find("content");
  if (!content && role == "user") wrong(m.path("content"), fmt::format("{} is missing", m.path("content")));
  return {role, content ? text_of(*content, m.path("content")) : std::string{}};
}

std::vector<model::message> messages_of(const fields& body) {
  const auto* given = body.find("messages");
  if (!given || !given->is_array() || given->empty())
    wrong("messages", "messages must be a list with at least one message");
  std::vector<model::message> all;
  for (std::size_t i = 0; i < given->size(); ++i) {
    auto path = fmt::format("messages[{}]", i);
    auto m = message_of((*given)[i], path);
    bool empty_system = m.role == "system" && m.content.empty();
    if (m.role == "system" && i > 0 && !empty_system)
      wrong(path + ".role", fmt::format("{} is a system message; only the first message may be one", path));
    if (!empty_system) all.push_back(std::move(m));
  }
  if (all.empty() || all.back().role != "user")
    wrong(fmt::format("messages[{}].role", given->size() - 1), "the last message must be a user's");
  return all;
}

void refuse_what_is_not_served(const fields& body) {
  for (const char* name : {"tools", "functions", "audio", "prediction", "web_search_options"}) body.refuse(name, false);
  for (const char* name : {"tool_choice", "function_call"}) {
    const auto* value = body.find(name);
    body.refuse(name, value && (*value == "none" || *value == "auto"));
  }
  const auto* format = body.find("response_format");
  body.refuse("response_format", format && *format == json{{"type", "text"}});
  body.refuse_unless("modalities", json::array({"text"}));
}

std::optional<std::uint32_t> likelihoods_of(const fields& body) {
  auto top = static_cast<std::uint32_t>(body.whole("top_logprobs", 0, likelihoods_max, 0));
  if (body.flag("logprobs")) return top;
  if (top > 0) wrong("top_logprobs", "top_logprobs needs logprobs to be true");
  return {};
}

}  // namespace

chat_request read_chat_request(std::string_view text, const reading& with) {
  auto content = parse_object(text);
  fields body{content, {}};
  refuse_what_is_not_served(body);
  chat_request r{read_answer_fields(body, with), messages_of(body), body.text("conversation")};
  r.sampling.likelihoods = likelihoods_of(body);
  return r;
}

}  // namespace chromatin::http

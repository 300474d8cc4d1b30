#include "http/message_fields.hpp"

#include "http/limits.hpp"

namespace chromatin::http {
namespace {

using nlohmann::json;

std::string text_of(const json& content, const std::string& path) {
  if (content.is_null()) return {};
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) wrong(path, fmt::format("{} must be a string or a list of text parts", path));
  std::string all;
  for (std::size_t i = 0; i < content.size(); ++i) {
    auto at = fmt::format("{}[{}]", path, i);
    if (!content[i].is_object()) wrong(at, fmt::format("{} must be an object", at));
    fields part{content[i], at};
    auto type = part.text("type");
    if (type != "text" && type != "input_text" && type != "output_text")
      wrong(part.path("type"), fmt::format("{} must be a text: parts of type \"{}\" are not served", at, type));
    if (!part.find("text")) wrong(part.path("text"), fmt::format("{} is missing", part.path("text")));
    all += part.text("text");
  }
  return all;
}

}  // namespace

model::message read_message(const json& given, const std::string& path) {
  if (!given.is_object()) wrong(path, fmt::format("{} must be an object", path));
  fields m{given, path};
  if (auto type = m.text("type"); !type.empty() && type != "message")
    wrong(m.path("type"), fmt::format("{} must be a message: items of type \"{}\" are not served", path, type));
  auto role = m.text("role");
  if (role == "developer") role = "system";
  if (role != "system" && role != "user" && role != "assistant")
    wrong(m.path("role"), fmt::format("{} must be system, developer, user or assistant", m.path("role")));
  m.refuse("tool_calls", false);
  m.refuse("function_call", false);
  m.refuse("audio", false);
  const auto* content = m.find("content");
  if (!content && role == "user") wrong(m.path("content"), fmt::format("{} is missing", m.path("content")));
  auto text = content ? text_of(*content, m.path("content")) : std::string{};
  check_text(m.path("content"), text);
  return {role, std::move(text)};
}

std::vector<model::message> read_messages(const fields& body, const char* name) {
  const auto* given = body.find(name);
  if (!given || !given->is_array() || given->empty())
    wrong(name, fmt::format("{} must be a list with at least one message", name));
  std::vector<model::message> all;
  for (std::size_t i = 0; i < given->size(); ++i) {
    auto path = fmt::format("{}[{}]", name, i);
    auto m = read_message((*given)[i], path);
    bool empty_system = m.role == "system" && m.content.empty();
    if (m.role == "system" && i > 0 && !empty_system)
      wrong(path + ".role", fmt::format("{} is a system message; only the first message may be one", path));
    if (!empty_system) all.push_back(std::move(m));
  }
  if (all.empty() || all.back().role != "user")
    wrong(fmt::format("{}[{}].role", name, given->size() - 1), "the last message must be a user's");
  return all;
}

}  // namespace chromatin::http

#include "apps/replay/workload.hpp"

#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chromatin::replay {
namespace {

sitting parse_line(const std::string& line, const std::string& where) {
  auto parsed = nlohmann::json::parse(line, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("messages") || !parsed["messages"].is_array())
    throw std::runtime_error(fmt::format("{}: not a JSON object in UTF-8 with \"messages\"", where));
  sitting result;
  for (const auto& message : parsed["messages"]) {
    if (!message.is_object() || !message.value("role", nlohmann::json{}).is_string() ||
        !message.value("content", nlohmann::json{}).is_string())
      throw std::runtime_error(fmt::format("{}: a message needs a role and a content", where));
    if (message["role"] == "user") result.user_turns.push_back(message["content"].get<std::string>());
  }
  return result;
}

}  // namespace

std::vector<sitting> read_conversations(std::istream& in, const std::string& file, std::size_t limit) {
  if (!in) throw std::runtime_error(fmt::format("{}: cannot be read", file));
  std::vector<sitting> all;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line) && (limit == 0 || all.size() < limit); ++number) {
    if (line.empty()) continue;
    auto conversation = parse_line(line, fmt::format("{}:{}", file, number));
    if (!conversation.user_turns.empty()) all.push_back(std::move(conversation));
  }
  if (all.empty()) throw std::runtime_error(fmt::format("{}: holds no conversation", file));
  return all;
}

std::vector<sitting> string_together(std::vector<sitting> conversations, std::size_t join) {
  std::vector<sitting> sittings;
  for (std::size_t i = 0; i < conversations.size(); ++i) {
    if (i % join == 0) sittings.emplace_back();
    auto& turns = sittings.back().user_turns;
    for (auto& turn : conversations[i].user_turns) turns.push_back(std::move(turn));
  }
  return sittings;
}

}  // namespace chromatin::replay

// The bundled conversations, as messages.

#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

#include "bench/served/parts.hpp"

namespace chromatin::bench {

std::vector<message_list> read_conversations(const std::string& name) {
  auto file = std::string{CHROMATIN_SOURCE_DIR "/assets/conversations/"} + name;
  std::ifstream in{file};
  if (!in) throw std::runtime_error(file + ": cannot be read");
  std::vector<message_list> all;
  for (std::string line; std::getline(in, line);) {
    auto parsed = nlohmann::json::parse(line, nullptr, false);
    if (!parsed.is_object() || !parsed.contains("messages"))
      throw std::runtime_error(fmt::format("{}:{}: not a JSON object with \"messages\"", file, all.size() + 1));
    message_list messages;
    for (const auto& m : parsed["messages"]) messages.push_back({m.at("role"), m.at("content")});
    all.push_back(std::move(messages));
  }
  return all;
}

std::vector<user_turns> users_of(const std::vector<message_list>& conversations, std::size_t join) {
  std::vector<user_turns> all;
  for (std::size_t i = 0; i < conversations.size(); ++i) {
    if (i % join == 0) all.emplace_back();
    for (const auto& m : conversations[i])
      if (m.role == "user") all.back().push_back(m.content);
  }
  return all;
}

model::message message_source::next(const std::string& role) {
  while (true) {
    const auto& messages = conversations_[conversation_];
    if (message_ == messages.size()) {
      conversation_ = (conversation_ + 1) % conversations_.size();
      message_ = 0;
      continue;
    }
    const auto& m = messages[message_++];
    if (m.role == role) return m;
  }
}

}  // namespace chromatin::bench

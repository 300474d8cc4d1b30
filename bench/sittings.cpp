#include "bench/sittings.hpp"

#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chromatin::bench {

std::vector<sitting> read_sittings(const std::filesystem::path& file, const model::checkpoint& checkpoint,
                                   std::size_t count) {
  std::ifstream in{file};
  if (!in) throw std::runtime_error(fmt::format("{}: cannot be read", file.string()));
  std::vector<sitting> sittings(count);
  std::vector<std::string> last_role(count);
  std::size_t number = 0;
  for (std::string line; std::getline(in, line); ++number) {
    auto parsed = nlohmann::json::parse(line, nullptr, false);
    if (!parsed.is_object() || !parsed.value("messages", nlohmann::json{}).is_array())
      throw std::runtime_error(fmt::format("{}:{}: not a JSON object with \"messages\"", file.string(), number + 1));
    auto& to = sittings[number % count];
    auto& role = last_role[number % count];
    for (const auto& m : parsed["messages"]) {
      rendered_message message{.from_user = m.at("role") == "user"};
      if (to.empty()) message.tokens = checkpoint.chat.opening();
      auto tokens = checkpoint.chat.render({m.at("role"), m.at("content")}, role);
      message.tokens.insert(message.tokens.end(), tokens.begin(), tokens.end());
      role = m.at("role");
      to.push_back(std::move(message));
    }
  }
  if (number < count)
    throw std::runtime_error(fmt::format("{}: holds {} conversations, {} are needed", file.string(), number, count));
  return sittings;
}

std::vector<kv::token_id> tokens_of(const sitting& s) {
  std::vector<kv::token_id> all;
  for (const auto& message : s) all.insert(all.end(), message.tokens.begin(), message.tokens.end());
  return all;
}

}  // namespace chromatin::bench

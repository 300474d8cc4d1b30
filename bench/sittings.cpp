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
  std::vector<std::vector<model::message>> said(count);
  std::size_t number = 0;
  for (std::string line; std::getline(in, line); ++number) {
    auto parsed = nlohmann::json::parse(line, nullptr, false);
    if (!parsed.is_object() || !parsed.value("messages", nlohmann::json{}).is_array())
      throw std::runtime_error(fmt::format("{}:{}: not a JSON object with \"messages\"", file.string(), number + 1));
    for (const auto& m : parsed["messages"]) said[number % count].push_back({m.at("role"), m.at("content")});
  }
  if (number < count)
    throw std::runtime_error(fmt::format("{}: holds {} conversations, {} are needed", file.string(), number, count));
  for (std::size_t i = 0; i < count; ++i) {
    if (said[i].empty()) continue;
    auto made = checkpoint.chat.go_on({}, said[i]);
    for (std::size_t j = 0; j < said[i].size(); ++j)
      sittings[i].push_back({said[i][j].role == "user", std::move(made.messages[j])});
    auto& first = sittings[i][0].tokens;
    if (said[i][0].role == "system")
      first = made.head;  // which ends with it
    else
      first.insert(first.begin(), made.head.begin(), made.head.end());
  }
  return sittings;
}

std::vector<kv::token_id> tokens_of(const sitting& s) {
  std::vector<kv::token_id> all;
  for (const auto& message : s) all.insert(all.end(), message.tokens.begin(), message.tokens.end());
  return all;
}

}  // namespace chromatin::bench

#include "http/message_items.hpp"

#include <charconv>
#include <limits>

namespace chromatin::http {
namespace {

using nlohmann::ordered_json;
constexpr std::string_view prefix = "msg_";

}  // namespace

ordered_json item_of(const model::message& m, std::uint32_t number) {
  ordered_json part{{"type", m.role == "assistant" ? "output_text" : "input_text"}, {"text", m.content}};
  if (m.role == "assistant") part["annotations"] = ordered_json::array();
  return {{"id", std::string{prefix} + std::to_string(number)},
          {"type", "message"},
          {"status", "completed"},
          {"role", m.role},
          {"content", ordered_json::array({std::move(part)})}};
}

ordered_json page_of(std::vector<ordered_json> items, bool more) {
  auto first = items.empty() ? ordered_json(nullptr) : items.front()["id"],
       last = items.empty() ? ordered_json(nullptr) : items.back()["id"];
  return {{"object", "list"},
          {"data", std::move(items)},
          {"first_id", std::move(first)},
          {"last_id", std::move(last)},
          {"has_more", more}};
}

std::optional<std::uint32_t> number_of_item(const std::string& id) {
  if (!id.starts_with(prefix)) return {};
  std::uint32_t number = 0;
  auto [end, wrong] = std::from_chars(id.data() + prefix.size(), id.data() + id.size(), number);
  bool fits =
      wrong == std::errc{} && end == id.data() + id.size() && number < std::numeric_limits<std::uint32_t>::max();
  if (!fits) return {};
  return number;
}

}  // namespace chromatin::http

// Conversations from a file of messages.

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "sim/dice.hpp"
#include "sim/trace_lines.hpp"
#include "sim/workload.hpp"

namespace chromatin::sim {
namespace {

using nlohmann::json;

/// Bytes of a message's text: a string, or parts with a text each.
std::size_t bytes_of(const json& message, const trace_lines& lines) {
  auto content = message.value("content", json{});
  if (content.is_string()) return content.get_ref<const std::string&>().size();
  std::size_t sum = 0;
  if (!content.is_array()) lines.fail("a message's content must be a text or a list of parts");
  for (const auto& part : content)
    if (part.is_object() && part.contains("text") && part["text"].is_string())
      sum += part["text"].get_ref<const std::string&>().size();
  return sum;
}

/// What is said up to each answer, and the answer.
std::vector<scripted_turn> turns_of(const json& messages, const dialogue_settings& as, const trace_lines& lines) {
  constexpr double of_template = 4;  // what a chat template puts around a message
  std::vector<scripted_turn> turns;
  double said = 0;
  bool asked = false;  // a user's message has no answer yet
  auto answer_with = [&](double tokens) {
    turns.push_back({.said_tokens = static_cast<std::uint32_t>(std::min(said, 1.0 * tokens_max)),
                     .answer_tokens = static_cast<std::uint32_t>(std::clamp(tokens, 1.0, 1.0 * tokens_max))});
    said = 0;
    asked = false;
  };
  for (const auto& m : messages) {
    if (!m.is_object() || !m.contains("role") || !m["role"].is_string())
      lines.fail("a message must be an object with a role and a content");
    auto role = m["role"].get<std::string>();
    auto tokens = std::ceil(static_cast<double>(bytes_of(m, lines)) / as.bytes_per_token);
    if (role == "assistant" && asked) {
      answer_with(tokens);
      continue;
    }
    if (role == "user" && asked) answer_with(as.answer_tokens);
    said += tokens + of_template;
    asked = asked || role == "user";
  }
  if (asked) answer_with(as.answer_tokens);
  return turns;
}

std::vector<std::vector<scripted_turn>> conversations_of(std::string_view text, const std::string& name,
                                                         const dialogue_settings& as) {
  trace_lines lines{text, name};
  std::vector<std::vector<scripted_turn>> all;
  for (std::string_view line; lines.next(line);) {
    auto one = json::parse(line, nullptr, false);
    if (!one.is_object() || !one.contains("messages") || !one["messages"].is_array())
      lines.fail("must be a JSON object in UTF-8 with a list of \"messages\"");
    if (auto turns = turns_of(one["messages"], as, lines); !turns.empty()) all.push_back(std::move(turns));
  }
  if (all.empty()) throw std::runtime_error(fmt::format("{}: nobody says anything in it", name));
  return all;
}

}  // namespace

workload make_dialogues(std::string_view text, const std::string& name, const dialogue_settings& as,
                        std::uint64_t seed) {
  auto scripts = conversations_of(text, name, as);
  auto count = as.count > 0 ? static_cast<std::uint64_t>(as.count) : scripts.size();
  workload w{.title = fmt::format("{} ({} conversations)", name, count),
             .warm_up_turns = static_cast<std::uint32_t>(as.warm_up_turns)};
  dice random{seed};
  double begins_s = 0;
  for (std::uint64_t id = 1; id <= count; ++id) {
    begins_s += random.exponential(1 / as.per_s);
    scripted_conversation c{id, scripts[(id - 1) % scripts.size()]};
    for (std::size_t i = 0; i < c.turns.size(); ++i) {
      c.turns[i].after_answer = i > 0;
      c.turns[i].due_us = static_cast<std::int64_t>(1e6 * (i == 0 ? begins_s : random.exponential(as.think_s)));
    }
    w.conversations.push_back(std::move(c));
  }
  return w;
}

}  // namespace chromatin::sim

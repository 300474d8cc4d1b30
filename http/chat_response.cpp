#include "http/chat_response.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace chromatin::http {
namespace {

using nlohmann::ordered_json;

ordered_json chunk(const answer_head& head, std::size_t choice, ordered_json delta, ordered_json likelihoods,
                   ordered_json reason) {
  auto content = head_of(head, "chat.completion.chunk");
  content["choices"] = ordered_json::array({{{"index", choice},
                                             {"delta", std::move(delta)},
                                             {"logprobs", std::move(likelihoods)},
                                             {"finish_reason", std::move(reason)}}});
  return content;
}

/// A token as text, as bytes, and how likely it was.
ordered_json likely_token(const model::tokenizer& words, kv::token_id token, float logarithm, bool first) {
  auto text = text_of(words, token, first);
  ordered_json numbers = ordered_json::array();
  for (unsigned char byte : text) numbers.push_back(byte);
  return {{"token", std::move(text)}, {"logprob", logarithm}, {"bytes", std::move(numbers)}};
}

/// Where the tokens of all prompts came from.
std::vector<std::pair<const char*, std::uint32_t>> sources_of(const std::vector<turn_statistics>& statistics) {
  std::vector<std::pair<const char*, std::uint32_t>> all{{"device", 0}, {"host", 0}, {"disk", 0}, {"computed", 0}};
  for (const auto& s : statistics) {
    for (auto& [source, tokens] : all) tokens += tokens_from(s.hits, source);
    all.back().second += s.computed_tokens;
  }
  return all;
}

}  // namespace

const char* finish_reason(stop_reason why) {
  switch (why) {
    case stop_reason::tokens_max:
    case stop_reason::context_full:
      return "length";
    default:
      return "stop";
  }
}

ordered_json usage(const std::vector<turn_statistics>& turns, std::size_t prompts) {
  std::uint32_t asked = 0, cached = 0, answers = 0;
  for (std::size_t i = 0; i < turns.size(); i += turns.size() / prompts) {
    asked += turns[i].prompt_tokens;
    cached += turns[i].prompt_tokens - std::min(turns[i].prompt_tokens, turns[i].computed_tokens);
  }
  for (const auto& turn : turns) answers += turn.answer_tokens;
  return {{"prompt_tokens", asked},
          {"completion_tokens", answers},
          {"total_tokens", asked + answers},
          {"prompt_tokens_details", {{"cached_tokens", cached}}}};
}

ordered_json head_of(const answer_head& head, const char* object) {
  return {{"id", head.id}, {"object", object}, {"created", head.created_s}, {"model", head.model}};
}

std::string text_of(const model::tokenizer& words, kv::token_id token, bool first) {
  auto text = words.bytes(token);
  if (first && words.adds_leading_space() && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

ordered_json to_json(const std::vector<model::token_likelihood>& likelihoods, const model::tokenizer& words,
                     bool first) {
  ordered_json list = ordered_json::array();
  for (const auto& one : likelihoods) {
    auto entry = likely_token(words, one.token, one.logarithm, first);
    auto& top = entry["top_logprobs"] = ordered_json::array();
    for (auto [token, logarithm] : one.likeliest) top.push_back(likely_token(words, token, logarithm, first));
    list.push_back(std::move(entry));
    first = false;
  }
  return list;
}

ordered_json logprobs(ordered_json content) { return {{"content", std::move(content)}, {"refusal", nullptr}}; }

std::int64_t now_s() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

ordered_json completion(const answer_head& head, std::vector<whole_choice> choices,
                        const std::vector<turn_statistics>& statistics) {
  auto content = head_of(head, "chat.completion");
  auto& list = content["choices"] = ordered_json::array();
  for (auto& c : choices)
    list.push_back({{"index", list.size()},
                    {"message", {{"role", "assistant"}, {"content", std::move(c.text)}, {"refusal", nullptr}}},
                    {"logprobs", std::move(c.likelihoods)},
                    {"finish_reason", finish_reason(c.stopped)}});
  content["usage"] = usage(statistics);
  return content;
}

ordered_json first_chunk(const answer_head& head, std::size_t choice) {
  return chunk(head, choice, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr);
}

ordered_json text_chunk(const answer_head& head, std::size_t choice, const std::string& text,
                        ordered_json likelihoods) {
  return chunk(head, choice, {{"content", text}}, std::move(likelihoods), nullptr);
}

ordered_json last_chunk(const answer_head& head, std::size_t choice, stop_reason stopped) {
  return chunk(head, choice, ordered_json::object(), nullptr, finish_reason(stopped));
}

ordered_json usage_chunk(const answer_head& head, const std::vector<turn_statistics>& statistics) {
  auto content = head_of(head, "chat.completion.chunk");
  content["choices"] = ordered_json::array();
  content["usage"] = usage(statistics);
  auto& reuse = content["reuse"] = ordered_json::object();
  for (auto [source, tokens] : sources_of(statistics)) reuse[source] = tokens;
  std::uint32_t dropped = 0;
  for (const auto& s : statistics) dropped += s.dropped_tokens;
  reuse["dropped"] = dropped;
  auto ms = [](std::int64_t us) { return static_cast<double>(us) / 1000; };
  const auto& first = statistics.front();
  content["timings"] = {{"queued_ms", ms(first.queued_us)},
                        {"first_token_ms", ms(first.first_token_us)},
                        {"total_ms", ms(first.total_us)}};
  return content;
}

std::string reuse_of(const std::vector<turn_statistics>& statistics) {
  std::string text;
  for (auto [source, tokens] : sources_of(statistics))
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", source, tokens);
  return text;
}

}  // namespace chromatin::http

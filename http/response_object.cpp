#include "http/response_object.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "http/reply.hpp"

namespace chromatin::http {
namespace {

using nlohmann::ordered_json;

/// 0.7 as 0.7: what a client gave is kept in half the digits, all of which it would be told.
ordered_json as_given(float number) { return std::stod(fmt::format("{}", number)); }

ordered_json usage_of(const turn_statistics& s) {
  auto written = std::min(s.prompt_tokens, s.computed_tokens);  // all that is computed is kept
  return {{"input_tokens", s.prompt_tokens},
          {"input_tokens_details", {{"cached_tokens", s.prompt_tokens - written}, {"cache_write_tokens", written}}},
          {"output_tokens", s.answer_tokens},
          {"output_tokens_details", {{"reasoning_tokens", 0}}},
          {"total_tokens", s.prompt_tokens + s.answer_tokens}};
}

/// OpenAI has a closed list of them.
const char* failure_code(unsigned status) {
  if (status == 429) return "rate_limit_exceeded";
  return status < 500 && status != 499 ? "invalid_prompt" : "server_error";
}

}  // namespace

response_object::response_object(const response_request& r, const std::string& id, const std::string& item,
                                 const std::string& model, std::int64_t created_s)
    : id_{"resp_" + id}, item_id_{"msg_" + item} {
  const auto& how = r.sampling;
  head_ = {{"id", id_},
           {"object", "response"},
           {"created_at", created_s},
           {"completed_at", nullptr},
           {"status", "in_progress"},
           {"background", false},
           {"conversation", r.conversation.empty() ? ordered_json(nullptr) : ordered_json{{"id", r.conversation}}},
           {"error", nullptr},
           {"incomplete_details", nullptr},
           {"instructions", or_null(r.instructions)},
           {"max_output_tokens", how.tokens_max > 0 ? ordered_json(how.tokens_max) : ordered_json(nullptr)},
           {"max_tool_calls", nullptr},
           {"metadata", r.metadata},
           {"model", model},
           {"output", ordered_json::array()},
           {"parallel_tool_calls", false},
           {"previous_response_id", or_null(r.previous)},
           {"prompt_cache_key", nullptr},
           {"reasoning", {{"effort", nullptr}, {"summary", nullptr}}},
           {"safety_identifier", nullptr},
           {"service_tier", "default"},
           {"store", r.store},
           {"temperature", as_given(how.temperature)},
           {"presence_penalty", as_given(how.less.presence)},
           {"frequency_penalty", as_given(how.less.frequency)},
           {"text", {{"format", {{"type", "text"}}}}},
           {"tool_choice", "auto"},
           {"tools", ordered_json::array()},
           {"top_logprobs", how.likelihoods.value_or(0)},
           {"top_p", as_given(how.top_p)},
           {"truncation", "auto"},
           {"usage", nullptr},
           {"user", nullptr}};
}

ordered_json response_object::part(const std::string& text, ordered_json likelihoods) {
  return {{"type", "output_text"},
          {"text", text},
          {"annotations", ordered_json::array()},
          {"logprobs", std::move(likelihoods)}};
}

ordered_json response_object::item(const char* status, ordered_json content) const {
  return {{"id", item_id_},
          {"type", "message"},
          {"status", status},
          {"role", "assistant"},
          {"content", std::move(content)}};
}

ordered_json response_object::event(const char* type) { return {{"type", type}, {"sequence_number", sent_++}}; }

ordered_json response_object::part_event(const char* type) {
  auto e = event(type);
  e.update({{"item_id", item_id_}, {"output_index", 0}, {"content_index", 0}});
  return e;
}

ordered_json response_object::created() {
  auto e = event("response.created");
  e["response"] = head_;
  return e;
}

ordered_json response_object::in_progress() {
  auto e = event("response.in_progress");
  e["response"] = head_;
  return e;
}

ordered_json response_object::item_added() {
  auto e = event("response.output_item.added");
  e.update({{"output_index", 0}, {"item", item("in_progress", ordered_json::array())}});
  return e;
}

ordered_json response_object::part_added() {
  auto e = part_event("response.content_part.added");
  e["part"] = part({}, ordered_json::array());
  return e;
}

ordered_json response_object::delta(const std::string& text, ordered_json likelihoods) {
  auto e = part_event("response.output_text.delta");
  e.update({{"delta", text}, {"logprobs", std::move(likelihoods)}});
  return e;
}

ordered_json response_object::text_done(const std::string& text, ordered_json likelihoods) {
  auto e = part_event("response.output_text.done");
  e.update({{"text", text}, {"logprobs", std::move(likelihoods)}});
  return e;
}

ordered_json response_object::part_done(const std::string& text, ordered_json likelihoods) {
  auto e = part_event("response.content_part.done");
  e["part"] = part(text, std::move(likelihoods));
  return e;
}

ordered_json response_object::item_done(const std::string& text, ordered_json likelihoods) {
  auto e = event("response.output_item.done");
  e.update({{"output_index", 0}, {"item", whole(text, std::move(likelihoods))["output"][0]}});
  return e;
}

ordered_json response_object::over(const std::string& text, ordered_json likelihoods) {
  auto e = event(head_["status"] == "completed" ? "response.completed" : "response.incomplete");
  e["response"] = whole(text, std::move(likelihoods));
  return e;
}

ordered_json response_object::failed(unsigned status, const std::string& message) {
  auto e = event("response.failed");
  e["response"] = head_;
  e["response"].update({{"status", "failed"}, {"error", {{"code", failure_code(status)}, {"message", message}}}});
  return e;
}

void response_object::end(const turn_statistics& statistics, std::int64_t at_s) {
  bool cut = std::string_view{finish_reason(statistics.stopped)} == "length";
  head_["status"] = cut ? "incomplete" : "completed";
  if (cut) head_["incomplete_details"] = {{"reason", "max_output_tokens"}};
  head_["completed_at"] = at_s;
  head_["usage"] = usage_of(statistics);
}

ordered_json response_object::whole(const std::string& text, ordered_json likelihoods) const {
  auto all = head_;
  auto status = head_["status"].get<std::string>();
  all["output"] =
      ordered_json::array({item(status.c_str(), ordered_json::array({part(text, std::move(likelihoods))}))});
  return all;
}

std::string to_note(ordered_json response) {
  auto& said = response["output"][0]["content"][0];
  said["text"] = "";
  said["logprobs"] = ordered_json::array();
  return dump(response);
}

std::optional<ordered_json> from_note(const std::string& note, const std::string& text) {
  auto response = ordered_json::parse(note, nullptr, false);
  if (!response.is_object()) return {};
  const ordered_json::json_pointer place{"/output/0/content/0/text"};
  if (!response.contains(place)) return {};
  response[place] = text;
  return response;
}

}  // namespace chromatin::http

#include "bench/served/chat.hpp"

#include <chrono>
#include <stdexcept>

namespace chromatin::bench {
namespace {

using json = nlohmann::ordered_json;

constexpr int status_served = 200;

void add(const std::string& event, chat_answer& to) {
  auto data = json::parse(event, nullptr, false);
  if (!data.is_object()) throw std::runtime_error("a server sent an event that is not JSON: " + event);
  if (data.contains("error")) throw std::runtime_error("a server refused: " + data["error"].dump());
  if (data.contains("choices") && !data["choices"].empty()) {
    const auto& delta = data["choices"][0].at("delta");
    if (auto text = delta.find("content"); text != delta.end() && text->is_string())
      to.text += text->get_ref<const std::string&>();
  }
  auto number = [&](const char* path) { return data.value(json::json_pointer{path}, std::uint32_t{0}); };
  if (auto usage = data.find("usage"); usage == data.end() || !usage->is_object()) return;
  to.prompt_tokens = number("/usage/prompt_tokens");
  to.answer_tokens = number("/usage/completion_tokens");
  to.cached_tokens = number("/usage/prompt_tokens_details/cached_tokens");
}

}  // namespace

std::string chat_request(const message_list& messages, std::uint32_t tokens_max, const json& more) {
  json body{{"messages", json::array()},
            {"temperature", 0},
            {"max_tokens", tokens_max},
            {"stream", true},
            {"stream_options", {{"include_usage", true}}}};
  for (const auto& m : messages) body["messages"].push_back({{"role", m.role}, {"content", m.content}});
  body.update(more);
  return post_of("/v1/chat/completions", body);
}

void chat_reader::feed(std::string_view bytes) {
  response_.feed(bytes, [this](std::string_view body) {
    if (response_.status() == status_served)
      cut_.feed(body, [this](std::string_view event) { events_.emplace_back(event); });
    else
      refusal_ += body;
  });
}

chat_answer chat_reader::answer() const {
  if (response_.status() != status_served) throw std::runtime_error("a server refused: " + refusal_);
  chat_answer answer;
  for (const auto& event : events_)
    if (event != "[DONE]") add(event, answer);
  return answer;
}

chat_answer chat_client::say(const message_list& messages, std::uint32_t tokens_max, const json& more) {
  auto request = chat_request(messages, tokens_max, more);
  chat_reader reader;
  auto begin = std::chrono::steady_clock::now();
  auto passed_s = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  connection_.send(request);
  double first_s = 0;
  while (!reader.done()) {
    reader.feed(connection_.receive());
    if (first_s == 0 && reader.events() > 0) first_s = passed_s();
  }
  auto total_s = passed_s();
  auto answer = reader.answer();
  answer.first_s = first_s;
  answer.total_s = total_s;
  return answer;
}

}  // namespace chromatin::bench

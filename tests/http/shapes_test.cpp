// What is given as an object of OpenAI's has every field that the types of its clients require.

#include <map>
#include <set>

#include <gmock/gmock.h>

#include "http/response_object.hpp"
#include "tests/http/fixture.hpp"

namespace chromatin::test {
namespace {

using testing::IsSubsetOf;
using names = std::set<std::string>;

/// Of each object, by what it calls itself (`object` or `type`): the fields of the npm package openai 6.49 that are not
/// optional.
const std::map<std::string, names> required{
    {"chat.completion", {"id", "choices", "created", "model"}},
    {"chat.completion.chunk", {"id", "choices", "created", "model"}},
    {"text_completion", {"id", "choices", "created", "model"}},
    {"model", {"id", "created", "owned_by"}},
    {"list", {"data"}},
    {"conversation", {"id", "created_at", "metadata"}},
    {"conversation.deleted", {"id", "deleted"}},
    {"response",
     {"id", "created_at", "error", "incomplete_details", "instructions", "metadata", "model", "output",
      "parallel_tool_calls", "temperature", "tool_choice", "tools", "top_p"}},
    {"message", {"id", "content", "role", "status"}},
    {"input_text", {"text"}},
    {"output_text", {"annotations", "text"}},
    {"response.created", {"response", "sequence_number"}},
    {"response.in_progress", {"response", "sequence_number"}},
    {"response.completed", {"response", "sequence_number"}},
    {"response.incomplete", {"response", "sequence_number"}},
    {"response.failed", {"response", "sequence_number"}},
    {"response.output_item.added", {"item", "output_index", "sequence_number"}},
    {"response.output_item.done", {"item", "output_index", "sequence_number"}},
    {"response.content_part.added", {"content_index", "item_id", "output_index", "part", "sequence_number"}},
    {"response.content_part.done", {"content_index", "item_id", "output_index", "part", "sequence_number"}},
    {"response.output_text.delta",
     {"content_index", "delta", "item_id", "logprobs", "output_index", "sequence_number"}},
    {"response.output_text.done", {"content_index", "item_id", "logprobs", "output_index", "sequence_number", "text"}}};

names names_in(const json& object) {
  names all;
  for (const auto& [name, value] : object.items()) all.insert(name);
  return all;
}

class Shapes : public HttpServer {
 protected:
  /// Everything in it that says what it is.
  void check(const json& content) {
    if (content.is_object())
      for (const char* kind : {"object", "type"})
        if (auto of = content.find(kind); of != content.end() && of->is_string())
          if (auto known = required.find(*of); known != required.end()) {
            EXPECT_THAT(known->second, IsSubsetOf(names_in(content))) << content;
            seen_.insert(known->first);
          }
    if (content.is_structured())
      for (const auto& part : content) check(part);
  }
  json checked(const http_reply& r) {
    EXPECT_EQ(r.status, 200) << r.body;
    auto content = r.json();
    check(content);
    return content;
  }
  http_reply ask(const std::string& method, const std::string& path, const json& body = {}) {
    return send(http_request(method, path, body.is_null() ? "" : body.dump()));
  }
  names seen_;
};

TEST_F(Shapes, HaveWhatClientsRequire) {
  start();
  const json chat{{"messages", {message("user", "hi")}}, {"max_tokens", 2}, {"conversation", "talk"}};
  auto choice = checked(post(chat))["choices"][0];
  EXPECT_THAT((names{"finish_reason", "index", "logprobs", "message"}), IsSubsetOf(names_in(choice)));
  EXPECT_THAT((names{"content", "refusal", "role"}), IsSubsetOf(names_in(choice["message"])));
  json response{{"input", "hi"}, {"max_output_tokens", 2}};
  auto answer = checked(ask("POST", "/v1/responses", response));
  EXPECT_THAT(names_in(answer["usage"]["input_tokens_details"]),
              testing::ElementsAre("cache_write_tokens", "cached_tokens"));
  EXPECT_EQ(answer["usage"]["output_tokens_details"]["reasoning_tokens"], 0);
  checked(ask("POST", "/v1/completions", {{"prompt", "hi"}, {"max_tokens", 2}}));
  for (auto [path, body] : {std::pair{"/v1/chat/completions", chat}, std::pair{"/v1/responses", response}}) {
    body["stream"] = true;
    for (const auto& event : events_of(ask("POST", path, body))) check(event);
  }
  auto id = checked(ask("POST", "/v1/conversations", {{"metadata", {{"topic", "trip"}}}}))["id"].get<std::string>();
  checked(get("/v1/models"));
  checked(get("/v1/conversations/talk/items"));
  auto items = checked(get("/v1/responses/" + answer["id"].get<std::string>() + "/input_items"));
  EXPECT_EQ(items["first_id"], "msg_0");
  EXPECT_EQ(items["last_id"], "msg_0");
  auto listed = checked(get("/v1/conversations"))["data"];
  for (const auto& one : listed) {
    auto shown = checked(get("/v1/conversations/" + one["id"].get<std::string>()));
    EXPECT_EQ(one["created_at"], shown["created_at"]);
    EXPECT_GT(one["created_at"], 0);
    EXPECT_EQ(one["metadata"], shown["metadata"]);
  }
  checked(ask("DELETE", "/v1/conversations/" + id));
  check(json(http::response_object{{}, "1", "2", "model", 3}.failed(503, "a part died")));
  for (const auto& [kind, fields] : required) EXPECT_TRUE(seen_.contains(kind) || kind == "response.completed") << kind;
}

TEST(ShapesOfFailures, HaveACodeOfOpenAIsList) {
  auto code = [](unsigned status) {
    return http::response_object{{}, "1", "2", "model", 3}.failed(status, "why")["response"]["error"]["code"];
  };
  EXPECT_EQ(code(429), "rate_limit_exceeded");
  EXPECT_EQ(code(400), "invalid_prompt");
  EXPECT_EQ(code(499), "server_error");
  EXPECT_EQ(code(503), "server_error");
}

}  // namespace
}  // namespace chromatin::test

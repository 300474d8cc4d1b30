// What is beyond a limit is said by the name of its field, over a real socket.

#include <memory>

#include <gmock/gmock.h>

#include "tests/http/fixture.hpp"

namespace chromatin::test {
namespace {

using testing::StartsWith;

class Limits : public HttpServer {
 protected:
  http_reply ask(const std::string& path, const json& body) { return send(http_request("POST", path, body.dump())); }
  static json request_to(const std::string& path) {
    json body{{"max_tokens", 1}};
    if (path == chat) body["messages"] = {message("user", "hi")};
    if (path == responses) body["input"] = "hi";
    if (path == completions) body["prompt"] = "hi";
    return body;
  }
  /// Of a usual request with these fields, what is wrong.
  json refusal_of(const std::string& path, const json& more, int status = 400) {
    auto body = request_to(path);
    body.update(more);
    auto r = ask(path, body);
    EXPECT_EQ(r.status, status) << path << ' ' << r.body;
    return r.status == 200 ? json{} : r.json()["error"];
  }
  static inline const std::string chat = "/v1/chat/completions", responses = "/v1/responses",
                                  completions = "/v1/completions";
};

TEST_F(Limits, OfHowAnswersAreMadeNameTheirField) {
  start();
  json many = json::object();
  for (int i = 0; i < 1025; ++i) many[std::to_string(i)] = 1;
  for (const auto& path : {chat, responses, completions})
    for (const json& more :
         {json{{"stop", ""}}, json{{"stop", {"a", ""}}}, json{{"stop", std::vector<std::string>(17, "x")}},
          json{{"stop", std::string(1025, 'x')}}, json{{"logit_bias", many}}, json{{"max_tokens", 65'537}},
          json{{"max_completion_tokens", 65'537}}, json{{"max_completion_tokens", 4'294'967'295}}})
      EXPECT_EQ(refusal_of(path, more)["param"], more.begin().key()) << path;
  EXPECT_EQ(refusal_of(responses, {{"max_output_tokens", 65'537}})["param"], "max_output_tokens");
  EXPECT_EQ(refusal_of(chat, {{"logprobs", true}, {"max_completion_tokens", 8193}})["param"], "max_completion_tokens");
  EXPECT_EQ(refusal_of(completions, {{"logprobs", 1}, {"max_tokens", 8193}})["param"], "max_tokens");
}

TEST_F(Limits, AreSaidUnderTheNameThatTheRequestHasForThem) {
  start();
  auto told = refusal_of(completions, {{"prompt", {"a", std::string((256 << 10) + 1, 'x')}}}, 413);
  EXPECT_EQ(told["message"], "prompt[1]: the text has 262145 bytes, the limit is 262144");
  EXPECT_EQ(refusal_of(chat, {{"stop", {"a", ""}}})["message"],
            "stop: an empty stop string would end every answer before it began");
  auto likely = json{{"include", {"message.output_text.logprobs"}}, {"max_output_tokens", 8193}};
  EXPECT_EQ(refusal_of(responses, likely)["message"],
            "max_output_tokens: an answer whose likelihoods are told has at most 8192 tokens");
  EXPECT_EQ(refusal_of(chat, {{"repeat_penalty", 0}})["param"], "repeat_penalty");
}

TEST_F(Limits, WhatIsRefusedLeavesNoFork) {
  start();
  json said = json::array();
  turn(said, "hi");
  auto edited = json::array({said[0], said[1], message("user", "on"), message("assistant", "x"), message("user", "y")});
  refusal_of(chat, {{"messages", edited}, {"n", 3}, {"stop", {"a", ""}}});
  EXPECT_EQ(conversations(), 1u);
}

TEST_F(Limits, OfTextsNameTheirField) {
  start();
  std::string much((256 << 10) + 1, 'x');
  EXPECT_EQ(refusal_of(chat, {{"messages", {message("user", "a"), message("user", much)}}}, 413)["param"],
            "messages[1].content");
  EXPECT_EQ(refusal_of(responses, {{"input", much}}, 413)["param"], "input");
  EXPECT_EQ(refusal_of(responses, {{"input", {message("user", much)}}}, 413)["param"], "input[0].content");
  EXPECT_EQ(refusal_of(responses, {{"instructions", much}}, 413)["param"], "instructions");
  EXPECT_EQ(refusal_of(completions, {{"prompt", {"a", much}}}, 413)["param"], "prompt[1]");
  EXPECT_EQ(refusal_of("/tokenize", {{"content", much}}, 413)["param"], "content");
  EXPECT_EQ(refusal_of(completions, {{"prompt", ""}})["param"], "prompt");
  EXPECT_EQ(refusal_of(completions, {{"prompt", {"a", ""}}})["param"], "prompt[1]");
  std::vector<json> messages(1026, message("user", "a"));
  EXPECT_EQ(refusal_of(chat, {{"messages", messages}}, 413)["param"], "messages");
  auto longer = std::string(4096, 'x');  // than any window of this model
  for (int i = 0; i < 5; ++i) longer += longer;
  auto full = refusal_of(chat, {{"messages", {message("system", longer), message("user", "a")}}});
  EXPECT_EQ(full["code"], "context_length_exceeded");
  EXPECT_EQ(full["param"], "messages");
}

TEST_F(Limits, ManyWhoAskForTokensAtOnceAreAnsweredOneByOne) {
  start();
  auto request = http_request("POST", "/tokenize", json{{"content", std::string(100'000, 'x')}}.dump());
  std::vector<std::unique_ptr<http_connection>> all;
  for (int i = 0; i < 12; ++i) {
    all.push_back(std::make_unique<http_connection>(port_));
    all.back()->send(request);
    if (i % 3 == 0) all.back().reset();  // it goes away in the line, or while it is its turn
  }
  for (auto& c : all)
    if (c) {
      EXPECT_EQ(c->reply().status, 200);
    }
}

TEST_F(Limits, OfConversationsNameTheirField) {
  start();
  for (const auto& name :
       {std::string{"a b"}, std::string{"caf\xc3\xa9"}, std::string(129, 'x'), std::string{"a\0b", 3}}) {
    EXPECT_EQ(refusal_of(chat, {{"conversation", name}})["param"], "conversation");
    EXPECT_EQ(refusal_of(responses, {{"conversation", name}})["param"], "conversation");
    EXPECT_EQ(refusal_of(responses, {{"conversation", {{"id", name}}}})["param"], "conversation.id");
  }
  EXPECT_EQ(refusal_of(responses, {{"conversation", json::object()}})["param"], "conversation.id");
  say("room", "hi");
  EXPECT_EQ(refusal_of(chat, {{"conversation", "room"}, {"cache_salt", "other"}})["param"], "cache_salt");
  json opening{{"conversation", "room"}, {"messages", {message("system", "Be brief."), message("user", "hi")}}};
  EXPECT_EQ(refusal_of(chat, opening)["param"], "messages");
  EXPECT_EQ(refusal_of(responses, {{"conversation", "room"}, {"instructions", "Be long."}})["param"], "instructions");
  auto param_of = [&](const std::string& path, const json& body, int status) {
    auto r = ask("/v1/conversations" + path, body);
    EXPECT_EQ(r.status, status) << path << ' ' << r.body;
    return r.json()["error"]["param"];
  };
  EXPECT_EQ(param_of("/room/fork", {{"id", "room"}}, 400), "id") << "it is there already";
  EXPECT_EQ(param_of("/room/fork", {{"id", "a b"}}, 400), "id");
  EXPECT_EQ(param_of("/room/truncate", {{"ratio", 0}}, 400), "ratio");
  EXPECT_EQ(param_of("", {{"items", json::object()}}, 400), "items");
  auto longer = std::string(200'000, 'x');  // than any window of this model
  EXPECT_EQ(param_of("", {{"items", {message("system", longer)}}}, 400), "items") << "a chat calls it messages";
  EXPECT_EQ(param_of("/a%20b/archive", json::object(), 400), "conversation");
  EXPECT_EQ(param_of("/none/fork", json::object(), 404), json{});
}

TEST_F(Limits, OfPagesNameTheirField) {
  start();
  say("room", "hi");
  for (std::string limit : {"0", "101", "-1", "x", ""})
    for (std::string path : {"/v1/conversations?limit=", "/v1/conversations/room/items?limit="}) {
      auto r = get(path + limit);
      EXPECT_EQ(r.status, 400) << path << limit;
      EXPECT_EQ(r.json()["error"]["param"], "limit");
    }
  EXPECT_THAT(get("/v1/conversations?limit=%zz").json()["error"]["message"].get<std::string>(),
              StartsWith("the query"));
}

TEST_F(Limits, WhatHasNoBodySaysNothing) {
  start();
  say("room", "hi");
  EXPECT_EQ(send(http_request("POST", "/v1/conversations/room/fork", "")).status, 200);
  EXPECT_EQ(send(http_request("POST", "/v1/conversations/room/truncate", "")).status, 200);
  EXPECT_EQ(send(http_request("POST", "/v1/conversations/room", "")).json()["error"]["param"], "metadata");
}

TEST_F(Limits, WhatIsNotThereIsCalledByWhatItIs) {
  start();
  say("room", "hi");
  auto told = [&](const std::string& path) {
    auto r = get(path);
    EXPECT_EQ(r.status, 404) << path;
    return r.json()["error"];
  };
  auto item = told("/v1/conversations/room/items/msg_99");
  EXPECT_EQ(item["message"], "there is no item msg_99");
  EXPECT_EQ(item["code"], "not_found");
  EXPECT_EQ(told("/v1/responses/resp_1")["message"], "there is no response resp_1");
  EXPECT_EQ(told("/v1/models/another")["code"], "model_not_found");
  EXPECT_EQ(get("/v1/models/%63oncierge").json()["id"], "concierge");
}

TEST_F(Limits, AResponseTellsNumbersAsTheyWereGiven) {
  start();
  auto body = request_to(responses);
  body.update({{"temperature", 0.7}, {"top_p", 0.9}, {"presence_penalty", -0.1}});
  auto told = ask(responses, body).body;
  for (const char* one : {"\"temperature\":0.7,", "\"top_p\":0.9,", "\"presence_penalty\":-0.1,"})
    EXPECT_THAT(told, testing::HasSubstr(one));
}

TEST_F(Limits, AConversationIsNotForgottenInItsFirstTurn) {
  start();
  auto body = endless(2000);
  body["conversation"] = "talk";
  http_connection c{port_};
  c.send(http_request("POST", chat, body.dump()));
  c.some();
  auto r = send(http_request("DELETE", "/v1/conversations/talk", ""));
  EXPECT_EQ(r.status, 409) << r.body;
  EXPECT_EQ(r.json()["error"]["code"], "busy");
  EXPECT_EQ(send(http_request("DELETE", "/v1/conversations/none", "")).status, 404);
}

}  // namespace
}  // namespace chromatin::test

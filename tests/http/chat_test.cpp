// Chat completions over a real socket, on the embedded model: what a plain client, which sends all messages each time,
// gets back, and what of it is computed again.

#include <chrono>
#include <thread>

#include <gmock/gmock.h>

#include "model/checkpoint.hpp"
#include "tests/http/fixture.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

class Chat : public HttpServer {};

TEST_F(Chat, AClientThatSendsAllMessagesAgainHasThemReused) {
  start();
  json said = {message("system", "You are the concierge of a small hotel.")};
  EXPECT_EQ(cached(turn(said, taxi + taxi)), 0u);
  for (int i = 0; i < 4; ++i) {
    auto answer = turn(said, "And for tomorrow?");
    EXPECT_LT(not_cached(answer), 16u) << "only what is new is computed: " << answer;
  }
  EXPECT_EQ(conversations(), 1u);
}

TEST_F(Chat, SoItIsAfterARestart) {
  start();
  json said = json::array();
  turn(said, taxi + taxi + taxi);
  stop();
  start();
  EXPECT_GE(cached(turn(said, "And for tomorrow?")), 64u);
  EXPECT_EQ(conversations(), 1u);
}

TEST_F(Chat, AnEditedMessageGoesAnotherWayAndReusesWhatIsBeforeIt) {
  start();
  json said = json::array();
  turn(said, taxi + taxi + taxi);
  turn(said, "And for tomorrow?");
  auto first = said[3];
  said.erase(2), said.erase(2);
  auto edited = turn(said, "And for Sunday?");
  EXPECT_GE(cached(edited), 64u);
  EXPECT_EQ(conversations(), 2u);
  said.erase(2), said.erase(2);
  turn(said, "And for tomorrow?");
  EXPECT_EQ(said[3], first) << "the first way is as it was";
}

TEST_F(Chat, TheSameIsAnsweredAgainWhenItIsAskedAgain) {
  start();
  json said = json::array(), again;
  turn(said, taxi + taxi);
  again = said;
  auto one = turn(said, "And for tomorrow?"), other = turn(again, "And for tomorrow?");
  EXPECT_EQ(one["choices"], other["choices"]);
  EXPECT_GE(cached(other), 64u);
}

TEST_F(Chat, AStreamHasTheSameTextInPieces) {
  start();
  json body{{"messages", {message("user", taxi)}}, {"temperature", 0}, {"max_tokens", 30}};
  auto whole = post(body).json()["choices"][0];
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  auto r = post(body);
  EXPECT_EQ(r.header("Content-Type"), "text/event-stream");
  std::string text, reason;
  json usage;
  auto events = events_of(r);
  for (const auto& chunk : events) {
    EXPECT_EQ(chunk["object"], "chat.completion.chunk");
    if (chunk.contains("usage")) usage = chunk["usage"];
    for (const auto& choice : chunk["choices"]) {
      text += choice["delta"].value("content", "");
      if (choice["finish_reason"].is_string()) reason = choice["finish_reason"];
    }
  }
  EXPECT_TRUE(r.body.ends_with("data: [DONE]\n\n"));
  EXPECT_GT(events.size(), 3u);
  EXPECT_EQ(text, whole["message"]["content"]);
  EXPECT_EQ(reason, whole["finish_reason"]);
  EXPECT_GT(usage["completion_tokens"], 0);
}

TEST_F(Chat, LikelihoodsComeBesideTheTextWholeAndInPieces) {
  start();
  json body{{"messages", {message("user", taxi)}}, {"temperature", 0}, {"max_tokens", 12}};
  EXPECT_TRUE(post(body).json()["choices"][0]["logprobs"].is_null());
  body.update({{"logprobs", true}, {"top_logprobs", 3}});
  auto choice = post(body).json()["choices"][0];
  auto tokens = choice["logprobs"]["content"];
  std::string text;
  for (const auto& one : tokens) {
    text += one["token"].get<std::string>();
    EXPECT_LE(one["logprob"], 0);
    ASSERT_EQ(one["top_logprobs"].size(), 3u);
    EXPECT_EQ(one["top_logprobs"][0]["token"], one["token"]) << "it was drawn as the likeliest";
    EXPECT_EQ(one["bytes"].size(), one["token"].get<std::string>().size());
    EXPECT_GE(one["top_logprobs"][0]["logprob"], one["top_logprobs"][1]["logprob"]);
  }
  EXPECT_EQ(text, choice["message"]["content"]);
  body["stream"] = true;
  json streamed = json::array();
  for (const auto& chunk : events_of(post(body))) {
    std::string own, said = chunk["choices"][0]["delta"].value("content", "");
    if (said.empty()) continue;
    for (const auto& one : chunk["choices"][0]["logprobs"]["content"]) {
      own += one["token"].get<std::string>();
      streamed.push_back(one);
    }
    EXPECT_EQ(own, said);
  }
  EXPECT_EQ(streamed, tokens);
}

TEST_F(Chat, PenaltiesAndBiasesChangeTheAnswer) {
  start();
  json body{{"messages", {message("user", taxi)}}, {"temperature", 0}, {"max_tokens", 30}};
  auto answer = [&](const json& more) {
    auto asked = body;
    asked.update(more);
    auto r = post(asked);
    EXPECT_EQ(r.status, 200) << r.body;
    return r.json()["choices"][0]["message"]["content"].get<std::string>();
  };
  auto plain = answer(json::object());
  EXPECT_EQ(answer({{"repeat_penalty", 1}, {"presence_penalty", 0}}), plain);
  EXPECT_NE(answer({{"repeat_penalty", 1.5}}), plain);
  EXPECT_NE(answer({{"presence_penalty", 2}, {"frequency_penalty", 2}}), plain);
  const auto& words = *checkpoint().tokenizer;
  auto token = words.encode("taxi").back();
  EXPECT_THAT(answer({{"logit_bias", {{std::to_string(token), 100}}}}), HasSubstr(words.bytes(token)));
}

TEST_F(Chat, TwoThatGoOnAtTheSameTimeAreBothAnswered) {
  start();
  json said = json::array();
  turn(said, taxi + taxi);
  auto go_on = [&](int i) {
    auto mine = said;
    return [this, mine, i]() mutable { turn(mine, "Question number " + std::to_string(i)); };
  };
  std::vector<std::jthread> all;
  for (int i = 0; i < 6; ++i) all.emplace_back(go_on(i));
  all.clear();
  EXPECT_EQ(gateway_counter("turns_under_way"), 0);
}

TEST_F(Chat, WithTokensEachTenantHasItsOwnConversations) {
  start({.tenants = {{"one-token", "one"}, {"two-token", "two"}}, .operators = {"two-token"}});
  json said = json::array();
  auto refused = post({{"messages", {message("user", "hi")}}});
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.json()["error"]["code"], "invalid_api_key");
  EXPECT_EQ(refused.header("www-authenticate"), "Bearer");
  turn(said, taxi + taxi, "one-token");
  auto mine = said, theirs = said;
  EXPECT_GE(cached(turn(mine, "And?", "one-token")), 64u);
  EXPECT_EQ(cached(turn(theirs, "And?", "two-token")), 0u);
  EXPECT_EQ(conversations("one"), 1u);
  EXPECT_EQ(send(http_request("GET", "/healthz", "")).status, 200);
  EXPECT_EQ(send(http_request("GET", "/metrics", "", "one-token")).status, 401);
  EXPECT_THAT(send(http_request("GET", "/metrics", "", "two-token")).body,
              HasSubstr("chromatin_gateway_turns_done_total 3\n"));
}

TEST_F(Chat, AClientThatGoesAwayCancelsItsTurn) {
  start();
  std::string long_text;
  for (int i = 0; i < 25; ++i) long_text += taxi;
  for (bool stream : {false, true}) {
    auto cancelled = [&, before = gateway_counter("turns_cancelled")] {
      return gateway_counter("turns_cancelled") > before;
    };
    for (int i = 0; i < 20 && !cancelled(); ++i) {  // one that is answered meanwhile shows nothing
      {
        http_connection c{port_};
        json body{{"messages", {message("user", std::to_string(i + 20 * stream) + long_text)}}, {"stream", stream}};
        c.send(http_request("POST", "/v1/chat/completions", body.dump()));
        while (gateway_counter("turns_under_way") == 0) std::this_thread::yield();
      }
      while (gateway_counter("turns_under_way") > 0) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    EXPECT_TRUE(cancelled()) << (stream ? "stream" : "whole");
  }
}

TEST_F(Chat, WhatIsWrongIsSaidInOpenAIsShape) {
  start();
  auto status = [&](const std::string& method, const std::string& path, const std::string& body = {}) {
    auto r = send(http_request(method, path, body));
    EXPECT_TRUE(r.status == 200 || r.json()["error"]["message"].is_string()) << r.body;
    return r.status;
  };
  EXPECT_EQ(status("GET", "/v1/chat/completions"), 405);
  EXPECT_EQ(status("POST", "/v1/models", "{}"), 405);
  EXPECT_EQ(status("DELETE", "/healthz"), 405);
  EXPECT_EQ(status("GET", "/nothing"), 404);
  EXPECT_EQ(status("GET", "/v1/models"), 200);
  EXPECT_EQ(status("GET", "/v1/models/concierge?x=y"), 200);
  EXPECT_EQ(status("GET", "/v1/models/another"), 404);
  EXPECT_EQ(status("POST", "/v1/chat/completions", "{"), 400);
  EXPECT_EQ(status("POST", "/v1/chat/completions", std::string(2 << 20, ' ')), 413);
  EXPECT_EQ(send("BREW / HTTP/1.1\r\nHost: x\r\n\r\n").status, 501) << "a method that nobody knows";
  EXPECT_EQ(send("nonsense\r\n\r\n").status, 400);
  auto other_model = post({{"model", "gpt-x"}, {"messages", {message("user", "hi")}}});
  EXPECT_EQ(other_model.status, 404);
  EXPECT_EQ(other_model.json()["error"]["param"], "model");
  json full = {message("user", std::string(20'000, 'x'))};
  auto too_long = post({{"messages", full}});
  EXPECT_EQ(too_long.status, 400);
  EXPECT_EQ(too_long.json()["error"]["code"], "context_length_exceeded");
}

TEST_F(Chat, APageOfAnotherSiteIsNotLetInForBeingOnThisMachine) {
  start();
  auto status = [&](const std::string& more) { return send("GET /v1/models HTTP/1.1\r\n" + more + "\r\n").status; };
  EXPECT_EQ(status("Host: evil.example:8080\r\n"), 403) << "a name that leads here";
  EXPECT_EQ(status("Host: localhost:8080\r\nOrigin: https://evil.example\r\n"), 403);
  EXPECT_EQ(status("Host: localhost:8080\r\nOrigin: null\r\n"), 403);
  EXPECT_EQ(status("Host: localhost:8080\r\nOrigin: http://localhost:8080\r\n"), 200);
  EXPECT_EQ(status("Host: 127.0.0.1:8080\r\n"), 200);
  EXPECT_EQ(status("Host: [::1]:8080\r\n"), 200);
}

TEST_F(Chat, ABodyInChunksAndRequestsOneBehindTheOtherAreServed) {
  start();
  auto body = json{{"messages", {message("user", "hi")}}, {"max_tokens", 2}}.dump();
  char size[16];
  std::snprintf(size, sizeof size, "%zx", body.size());
  EXPECT_EQ(send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" +
                 std::string{size} + "\r\n" + body + "\r\n0\r\n\r\n")
                .status,
            200);
  http_connection c{port_};
  c.send(http_request("GET", "/healthz", "") + http_request("GET", "/v1/models", ""));
  EXPECT_THAT(c.reply().body, HasSubstr("ok"));
  EXPECT_THAT(c.reply().body, HasSubstr("concierge"));
}

}  // namespace
}  // namespace chromatin::test

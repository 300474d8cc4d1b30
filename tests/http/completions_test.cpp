// Texts that are gone on with as they are, and tokens.

#include <gmock/gmock.h>

#include "tests/http/fixture.hpp"

namespace chromatin::test {
namespace {

class Completions : public HttpServer {
 protected:
  http_reply ask(const json& body, const std::string& path = "/v1/completions") {
    return send(http_request("POST", path, body.dump()));
  }
  json complete(const json& prompt, const json& more = json::object()) {
    json body{{"prompt", prompt}, {"temperature", 0}, {"max_tokens", 20}};
    body.update(more);
    auto r = ask(body);
    EXPECT_EQ(r.status, 200) << r.body;
    return r.json();
  }
  static std::string text_of(const json& answer) { return answer["choices"][0]["text"]; }
  json tokens_of(const std::string& text, bool special = true) {
    return ask({{"content", text}, {"add_special", special}}, "/tokenize").json()["tokens"];
  }
};

TEST_F(Completions, ATextIsGoneOnWithAndItsBeginningIsReused) {
  start();
  auto first = complete(taxi + taxi + taxi);
  EXPECT_EQ(first["object"], "text_completion");
  EXPECT_EQ(cached(first), 0u);
  EXPECT_FALSE(text_of(first).empty());
  auto again = complete(taxi + taxi + taxi);
  EXPECT_EQ(text_of(again), text_of(first));
  EXPECT_GE(cached(again), 64u);
  auto longer = complete(taxi + taxi + taxi + text_of(first));
  EXPECT_GE(cached(longer), 64u);
  EXPECT_EQ(conversations(), 0u) << "nobody remembers it";
}

TEST_F(Completions, TokensAreTheSameAsTheirText) {
  start();
  auto tokens = tokens_of(taxi);
  auto by_text = complete(taxi), by_tokens = complete(tokens), in_a_list = complete(json::array({taxi}));
  EXPECT_EQ(text_of(by_tokens), text_of(by_text));
  EXPECT_EQ(text_of(in_a_list), text_of(by_text));
  EXPECT_EQ(by_tokens["usage"]["prompt_tokens"], tokens.size());
}

TEST_F(Completions, AStreamHasTheSameTextInPieces) {
  start();
  auto whole = complete(taxi, {{"n", 2}, {"temperature", 1}, {"seed", 3}});
  auto events = events_of(ask({{"prompt", taxi},
                               {"n", 2},
                               {"temperature", 1},
                               {"seed", 3},
                               {"max_tokens", 20},
                               {"stream", true},
                               {"stream_options", {{"include_usage", true}}}}));
  std::vector<std::string> texts(2), reasons(2);
  for (const auto& event : events)
    for (const auto& choice : event["choices"]) {
      texts.at(choice["index"]) += choice["text"].get<std::string>();
      if (choice["finish_reason"].is_string()) reasons.at(choice["index"]) = choice["finish_reason"];
    }
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(texts[i], whole["choices"][i]["text"]);
    EXPECT_EQ(reasons[i], whole["choices"][i]["finish_reason"]);
  }
  EXPECT_EQ(events.back()["usage"]["completion_tokens"], whole["usage"]["completion_tokens"]);
}

TEST_F(Completions, LikelihoodsAreTheListsOfTheOldInterface) {
  start();
  auto answer = complete(taxi, {{"logprobs", 2}});
  auto told = answer["choices"][0]["logprobs"];
  std::string text;
  for (std::size_t i = 0; i < told["tokens"].size(); ++i) {
    EXPECT_EQ(told["text_offset"][i], text.size());
    text += told["tokens"][i].get<std::string>();
    EXPECT_LE(told["top_logprobs"][i].size(), 2u);
    EXPECT_EQ(told["top_logprobs"][i][told["tokens"][i].get<std::string>()], told["token_logprobs"][i]);
  }
  EXPECT_EQ(text, text_of(answer));
  EXPECT_TRUE(complete(taxi)["choices"][0]["logprobs"].is_null());
}

TEST_F(Completions, SeveralPromptsAreAnsweredInTheirOrder) {
  start();
  auto one = [&](const json& prompt) {
    auto r = send(http_request("POST", "/v1/completions",
                               json{{"prompt", prompt}, {"temperature", 0}, {"max_tokens", 8}}.dump()));
    EXPECT_EQ(r.status, 200) << r.body;
    return r.json();
  };
  auto taxis = one(taxi), rooms = one("I need a room for");
  json prompts = {taxi, "I need a room for"};
  auto both = one(prompts);
  ASSERT_EQ(both["choices"].size(), 2u);
  EXPECT_EQ(both["choices"][0]["text"], taxis["choices"][0]["text"]);
  EXPECT_EQ(both["choices"][1]["text"], rooms["choices"][0]["text"]);
  EXPECT_EQ(both["choices"][1]["index"], 1);
  auto tokens = [](const json& answer) { return answer["usage"]["prompt_tokens"].get<int>(); };
  EXPECT_EQ(tokens(both), tokens(taxis) + tokens(rooms));
  auto ask = [&](json more) {
    more.update({{"prompt", {{5, 6, 7}, {8, 9}}}, {"max_tokens", 3}, {"seed", 4}});
    return send(http_request("POST", "/v1/completions", more.dump()));
  };
  auto twice = ask({{"n", 2}}).json();
  ASSERT_EQ(twice["choices"].size(), 4u);
  EXPECT_EQ(twice["usage"]["prompt_tokens"], 5);
  std::map<int, std::string> streamed;
  for (const auto& event : events_of(ask({{"n", 2}, {"stream", true}})))
    for (const auto& choice : event["choices"]) streamed[choice["index"]] += choice["text"].get<std::string>();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(streamed[i], twice["choices"][i]["text"]);
}

TEST_F(Completions, AnotherTenantReusesNothingOfIt) {
  start({.tenants = {{"one-token", "one"}, {"two-token", "two"}}, .operators = {}});
  auto body = json{{"prompt", taxi + taxi + taxi}, {"max_tokens", 2}}.dump();
  auto ask_as = [&](const std::string& token) {
    return cached(send(http_request("POST", "/v1/completions", body, token)).json());
  };
  EXPECT_EQ(ask_as("one-token"), 0u);
  EXPECT_GE(ask_as("one-token"), 64u);
  EXPECT_EQ(ask_as("two-token"), 0u);
  EXPECT_EQ(ask({{"prompt", "hi"}}).status, 401);
}

TEST_F(Completions, WhatIsWrongIsNamed) {
  start();
  auto param = [&](const json& body) {
    auto r = ask(body);
    EXPECT_EQ(r.status, 400) << body;
    return r.json()["error"]["param"];
  };
  EXPECT_EQ(param(json::object()), "prompt");
  EXPECT_EQ(param({{"prompt", 5}}), "prompt");
  EXPECT_EQ(param({{"prompt", json::array()}}), "prompt");
  EXPECT_EQ(param({{"prompt", {"a", 5}}}), "prompt[1]");
  EXPECT_EQ(param({{"prompt", json{{5, 6}, {7, 1u << 30}}}}), "prompt[1][1]");
  EXPECT_EQ(param({{"prompt", std::vector<std::string>(5, "a")}, {"n", 16}}), "prompt") << "too many answers";
  EXPECT_EQ(param({{"prompt", {1, 2, 1u << 30}}}), "prompt[2]");
  EXPECT_EQ(param({{"prompt", {1, "a"}}}), "prompt[1]");
  EXPECT_EQ(param({{"prompt", {1, -1}}}), "prompt[1]");
  EXPECT_EQ(param({{"prompt", "a"}, {"suffix", "b"}}), "suffix");
  EXPECT_EQ(param({{"prompt", "a"}, {"echo", true}}), "echo");
  EXPECT_EQ(param({{"prompt", "a"}, {"best_of", 2}}), "best_of");
  EXPECT_EQ(param({{"prompt", "a"}, {"logprobs", 21}}), "logprobs");
  EXPECT_EQ(param({{"prompt", ""}}), "prompt");
  auto too_long = ask({{"prompt", std::string(20'000, 'x')}});
  EXPECT_EQ(too_long.json()["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(ask({{"prompt", std::vector<int>(5000, 7)}}).json()["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(ask({{"prompt", "a"}, {"model", "b"}}).status, 404);
  EXPECT_EQ(get("/v1/completions").status, 405);
}

TEST_F(Completions, TextsComeBackFromTheirTokens) {
  start();
  for (std::string text : {"I want to book a table.", "naïve café 日本 😀", "", "</s> <|user|>"}) {
    auto tokens = tokens_of(text, false);
    auto back = ask({{"tokens", tokens}}, "/detokenize").json();
    EXPECT_EQ(back["content"], text);
  }
  EXPECT_GT(tokens_of("hi").size(), tokens_of("hi", false).size()) << "with what begins every text";
  auto pieces = ask({{"content", "a 😀"}, {"with_pieces", true}}, "/tokenize").json()["tokens"];
  bool bytes = false;
  for (const auto& one : pieces) {
    EXPECT_TRUE(one["id"].is_number());
    bytes |= one["piece"].is_array();
  }
  EXPECT_TRUE(bytes) << "a part of a character is no text";
  EXPECT_EQ(ask({{"tokens", {1u << 30}}}, "/detokenize").json()["error"]["param"], "tokens[0]");
  EXPECT_EQ(ask({{"tokens", "hi"}}, "/detokenize").json()["error"]["param"], "tokens");
  EXPECT_EQ(ask(json::object(), "/detokenize").json()["error"]["param"], "tokens");
  EXPECT_EQ(ask({{"content", 5}}, "/tokenize").json()["error"]["param"], "content");
  EXPECT_EQ(get("/tokenize").status, 405);
}

TEST_F(Completions, AStreamThatFailsSaysSoAndEnds) {
  start();
  json prompts{"hi", std::vector<int>(5'000, 7)};  // the second has no room in any window
  auto r = ask({{"prompt", prompts}, {"max_tokens", 4}, {"stream", true}});
  EXPECT_EQ(r.status, 200) << "the first has begun";
  auto error = events_of(r).back()["error"];
  EXPECT_EQ(error["code"], "context_length_exceeded");
  EXPECT_EQ(error["param"], "prompt");
  EXPECT_TRUE(r.body.ends_with("data: [DONE]\n\n")) << r.body;
}

}  // namespace
}  // namespace chromatin::test

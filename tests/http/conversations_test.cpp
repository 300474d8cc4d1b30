// Conversations by name over HTTP.

#include <gmock/gmock.h>

#include "tests/http/fixture.hpp"

namespace chromatin::test {
namespace {

class Conversations : public HttpServer {
 protected:
  http_reply ask(const std::string& method, const std::string& path, const std::string& body = {}) {
    return send(http_request(method, "/v1/conversations" + path, body));
  }
};

TEST_F(Conversations, ANamedOneIsGoneOnWithByItsNewMessagesOnly) {
  start();
  say("talk", taxi + taxi);
  EXPECT_GE(cached(say("talk", "And for tomorrow?")), 64u);
  auto shown = ask("GET", "/talk").json();
  EXPECT_EQ(shown["id"], "talk");
  EXPECT_EQ(shown["messages"], 4);
  auto messages = ask("GET", "/talk/messages?first=2").json();
  EXPECT_EQ(messages["total"], 4);
  ASSERT_EQ(messages["data"].size(), 2u);
  EXPECT_EQ(messages["data"][0], message("user", "And for tomorrow?"));
}

TEST_F(Conversations, AreListedInPages) {
  start();
  for (auto name : {"a", "b", "c"}) say(name, "hi");
  auto page = ask("GET", "?limit=2").json();
  EXPECT_EQ(page["data"].size(), 2u);
  EXPECT_EQ(page["data"][1]["id"], "b");
  EXPECT_EQ(page["has_more"], true);
  page = ask("GET", "?limit=2&after=b").json();
  EXPECT_EQ(page["data"].size(), 1u);
  EXPECT_EQ(page["has_more"], false);
}

TEST_F(Conversations, AreForkedTruncatedAndForgotten) {
  start();
  say("talk", taxi + taxi + taxi);
  auto copy = ask("POST", "/talk/fork", R"({"id": "copy", "messages": 1})").json();
  EXPECT_EQ(copy["id"], "copy");
  EXPECT_EQ(copy["messages"], 1);
  auto tokens = ask("GET", "/talk").json()["tokens"].get<int>();
  EXPECT_LE(ask("POST", "/talk/truncate", R"({"ratio": 1})").json()["tokens"], tokens);
  EXPECT_EQ(ask("DELETE", "/talk").json()["deleted"], true);
  EXPECT_EQ(ask("GET", "/talk").status, 404);
  EXPECT_EQ(ask("DELETE", "/talk").status, 404) << "nothing is made by asking";
  EXPECT_EQ(conversations(), 1u);
}

TEST_F(Conversations, WhatIsWrongIsNamed) {
  start();
  EXPECT_EQ(ask("GET", "/missing").json()["error"]["code"], "no_conversation");
  EXPECT_EQ(ask("GET", "/missing/messages").status, 404);
  EXPECT_EQ(ask("GET", "/missing/nothing").status, 404);
  EXPECT_EQ(ask("PUT", "/missing").status, 405);
  EXPECT_EQ(ask("DELETE", "").status, 405);
  EXPECT_EQ(ask("GET", "?limit=1000").json()["error"]["param"], "limit");
  EXPECT_EQ(ask("GET", "?limit=x").json()["error"]["param"], "limit");
  EXPECT_EQ(ask("POST", "/missing/truncate", R"({"ratio": 2})").json()["error"]["param"], "ratio");
  EXPECT_EQ(ask("POST", "/missing/fork", "[]").status, 400);
  EXPECT_EQ(ask("GET", "/%zz").status, 400);
  EXPECT_EQ(post({{"conversation", "two words"}, {"messages", {message("user", "hi")}}}).status, 400);
  EXPECT_EQ(get("/v1/conversationsx").status, 404);
  EXPECT_EQ(conversations(), 0u);
}

}  // namespace
}  // namespace chromatin::test

// Conversations by name over HTTP.

#include <ctime>

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

TEST_F(Conversations, AreAllListedHoweverMuchStandsBesideThem) {
  start();
  json much;
  std::string largest;
  for (int i = 0; i < 512; ++i) largest += "\xf0\x9f\x9a\x95";
  for (int i = 0; i < 16; ++i) much[std::to_string(i)] = largest;
  constexpr std::size_t all = 40;
  for (std::size_t i = 0; i < all; ++i) ask("POST", "", json{{"metadata", much}}.dump());
  std::size_t pages = 0, listed = 0;
  for (json page{{"has_more", true}, {"data", {{{"id", ""}}}}}; page["has_more"]; ++pages) {
    ASSERT_FALSE(page["data"].empty());
    page = ask("GET", "?limit=100&after=" + page["data"].back()["id"].get<std::string>()).json();
    for (const auto& one : page["data"]) EXPECT_EQ(one["metadata"], much);
    listed += page["data"].size();
  }
  EXPECT_EQ(listed, all);
  EXPECT_EQ(pages, 2u);
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

TEST_F(Conversations, KeepWhenTheyWereMadeAndTheirMetadata) {
  start();
  auto begun_s = std::time(nullptr);
  const json trip{{"topic", "trip"}}, train{{"topic", "train"}, {"where", "Köln"}};
  auto made = ask("POST", "", json{{"metadata", trip}}.dump()).json();
  auto id = made["id"].get<std::string>();
  EXPECT_EQ(made["metadata"], trip);
  auto made_s = made["created_at"].get<std::int64_t>();
  EXPECT_TRUE(made_s >= begun_s && made_s <= std::time(nullptr)) << made;
  EXPECT_EQ(ask("GET", "/" + id).json(), made);
  made["metadata"] = train;
  EXPECT_EQ(ask("POST", "/" + id, json{{"metadata", train}}.dump()).json(), made);
  say("talk", taxi);
  EXPECT_GE(ask("GET", "/talk").json()["created_at"], made_s);
  EXPECT_EQ(ask("GET", "/talk").json()["metadata"], json::object());
  stop();
  start();
  EXPECT_EQ(ask("GET", "/" + id).json(), made);
}

TEST_F(Conversations, GoIntoDnaAndAreForgottenThere) {
  archive_ = true;
  start();
  say("talk", taxi);
  const auto ticket = ask("POST", "/talk/archive").json();
  EXPECT_EQ(ticket["conversation"], "talk");
  EXPECT_EQ(ticket["state"], "planned");
  EXPECT_EQ(ticket["simulated"], true);
  EXPECT_EQ(ticket["kv"], false);
  EXPECT_GT(ticket["left_s"], 0);
  for (int i = 0; i < 12000 && ask("GET", "/talk").status == 200; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  EXPECT_EQ(get("/v1/archives").json()["data"][0]["state"], "stored");
  const auto refused = ask("GET", "/talk");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.json()["error"]["code"], "archived");
  EXPECT_EQ(ask("POST", "/talk/recall").json()["state"], "asked");
  EXPECT_EQ(ask("POST", "/talk/recall", R"({"kv": 1})").json()["error"]["param"], "kv");
  EXPECT_EQ(ask("POST", "/talk/recall", R"({"kv": true})").json()["kv"], true);
  EXPECT_EQ(ask("DELETE", "/talk").json()["deleted"], true);
  EXPECT_EQ(ask("POST", "/talk/recall").status, 404);
}

TEST_F(Conversations, OfAServerWithoutAnArchiveStayWhereTheyAre) {
  start();
  say("talk", taxi);
  EXPECT_EQ(ask("POST", "/talk/archive").status, 503);
  EXPECT_EQ(get("/v1/archives").status, 503);
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
  auto wrong_in = [&](const json& metadata) { return ask("POST", "", json{{"metadata", metadata}}.dump()).json(); };
  EXPECT_EQ(wrong_in({{"a", 5}})["error"]["param"], "metadata.a");
  EXPECT_EQ(wrong_in({{"a", std::string(513, 'x')}})["error"]["param"], "metadata.a");
  EXPECT_EQ(wrong_in({{std::string(65, 'x'), ""}})["error"]["param"], "metadata");
  EXPECT_EQ(ask("POST", "/missing", R"({"metadata": {}})").json()["error"]["code"], "no_conversation");
  EXPECT_EQ(ask("POST", "/missing", "{}").json()["error"]["param"], "metadata");
  EXPECT_EQ(ask("GET", "/%zz").status, 400);
  EXPECT_EQ(post({{"conversation", "two words"}, {"messages", {message("user", "hi")}}}).status, 400);
  EXPECT_EQ(get("/v1/conversationsx").status, 404);
  EXPECT_EQ(conversations(), 0u);
}

}  // namespace
}  // namespace chromatin::test

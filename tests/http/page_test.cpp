// The page at /, and what it asks the server for.

#include "http/page.hpp"

#include <gmock/gmock.h>

#include "http/state.hpp"
#include "tests/http/fixture.hpp"
#include "tests/support/pattern.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Page : public HttpServer {
 protected:
  json state() { return get("/state").json(); }
};

TEST_F(Page, AndAllThatItNamesIsServedFromHere) {
  start();
  auto page = get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_THAT(page.header("content-security-policy"), HasSubstr("default-src 'none'"));
  static const pattern reference{R"re((?:from|src=|href=) ?"([^"]+)")re"};
  for (const auto& file : http::page_files()) {
    std::string text{file.content};
    for (const auto& found : reference.all_in(text)) {
      auto path = found[1];
      if (path.starts_with("./")) path = "/page" + path.substr(1);
      EXPECT_EQ(get(path).status, 200) << path << " in " << file.path;
    }
    EXPECT_THAT(text, Not(HasSubstr("https://"))) << file.path;
    EXPECT_THAT(text, Not(HasSubstr("innerHTML"))) << file.path << ": what a conversation says is text";
  }
  EXPECT_EQ(get("/page/other.js").status, 404);
  EXPECT_EQ(send(http_request("POST", "/", {})).status, 405);
}

TEST_F(Page, IsShownToWhoHasNoTokenAndItsStateToOperatorsOnly) {
  start({{{"secret-of-a-tenant", "tenant"}, {"secret-of-an-operator", "house"}}, {"secret-of-an-operator"}});
  EXPECT_EQ(get("/").status, 200);
  EXPECT_EQ(get("/state").status, 401);
  EXPECT_EQ(send(http_request("GET", "/state", {}, "secret-of-a-tenant")).status, 401);
  EXPECT_EQ(send(http_request("GET", "/state", {}, "secret-of-an-operator")).status, 200);
}

TEST_F(Page, TheStateHasEveryPartAndNoTurnWhenNobodySpeaks) {
  start();
  say("talk", taxi);
  auto s = state();
  EXPECT_EQ(s["chunk_tokens"], 64);
  EXPECT_EQ(s["parts"]["gateway"]["turns_done"], 1);
  EXPECT_GT(s["parts"]["device-tier"]["capacity_bytes"], 0);
  EXPECT_EQ(s["parts"]["supervisor"]["disk-tier_up"], 1);
  EXPECT_GT(s["parts"]["scheduler"]["first_tokens_us"], 0);
  EXPECT_TRUE(s["turns"].empty());
}

TEST_F(Page, ATurnUnderWayIsInTheStateWithItsConversation) {
  start();
  http_connection speaker{port_};
  speaker.send(http_request("POST", "/v1/chat/completions",
                            json{{"conversation", "long"},
                                 {"messages", {message("user", taxi)}},
                                 {"stream", true},
                                 {"logit_bias", {{"2", -100}}},
                                 {"max_tokens", 60'000}}
                                .dump()));
  EXPECT_THAT(speaker.some(), HasSubstr("200"));
  json turns;
  for (int i = 0; i < 500 && (turns = state()["turns"]).empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  ASSERT_EQ(turns.size(), 1u);
  EXPECT_EQ(turns[0]["conversation"], "long");
  EXPECT_EQ(turns[0]["tenant"], "default");
  EXPECT_NE(turns[0]["phase"], "waiting");
}

TEST_F(Page, AConversationsChunksAreInTheDeviceAfterATurn) {
  start();
  say("talk", taxi + taxi + taxi + taxi);
  auto chunks = get("/v1/conversations/talk/chunks").json();
  ASSERT_GE(chunks["chunks"], 2) << chunks;
  ASSERT_EQ(chunks["data"].size(), 1u) << chunks;
  EXPECT_EQ(chunks["data"][0]["tier"], "device");
  EXPECT_EQ(chunks["data"][0]["chunks"], chunks["chunks"]);
  EXPECT_EQ(get("/v1/conversations/other/chunks").status, 404);
}

TEST_F(Page, AfterARestartTheyAreOnTheDisk) {
  start();
  say("talk", taxi + taxi + taxi + taxi);
  stop();
  start();
  auto chunks = get("/v1/conversations/talk/chunks").json();
  EXPECT_EQ(chunks["data"][0]["tier"], "disk") << chunks;
}

TEST_F(Page, ConversationsAreListedByTheirLastUse) {
  start();
  for (auto name : {"a", "b", "c", "a"}) say(name, "hi");
  auto page = get("/v1/conversations?order=used&limit=2").json();
  ASSERT_EQ(page["data"].size(), 2u);
  EXPECT_EQ(page["data"][0]["id"], "a");
  EXPECT_EQ(page["data"][1]["id"], "c");
  EXPECT_EQ(page["has_more"], true);
  EXPECT_EQ(get("/v1/conversations?order=size").json()["error"]["param"], "order");
  EXPECT_EQ(get("/v1/conversations?order=used&after=a").json()["error"]["param"], "after");
}

TEST_F(Page, AStreamEndsWithWhereItsPromptCameFromAndHowLongItTook) {
  start();
  say("talk", taxi + taxi);
  auto events = events_of(post({{"conversation", "talk"},
                                {"messages", {message("user", "And for tomorrow?")}},
                                {"stream", true},
                                {"stream_options", {{"include_usage", true}}},
                                {"max_tokens", 5}}));
  const auto& last = events.back();
  EXPECT_GE(last["reuse"]["device"], 64);
  EXPECT_EQ(last["reuse"]["device"].get<int>() + last["reuse"]["computed"].get<int>(), last["usage"]["prompt_tokens"]);
  EXPECT_GT(last["timings"]["first_token_ms"], 0);
  EXPECT_GE(last["timings"]["total_ms"], last["timings"]["first_token_ms"]);
}

TEST(PageChunks, AreToldByTheHighestTierThatHasThem) {
  using enum chunk_presence;
  chunk_places places{{"device-tier", {here, absent, coming, absent, absent}},
                      {"host-tier", {here, here, here, absent, coming}},
                      {"disk-tier", {absent, here, here, absent, here}}};
  EXPECT_EQ(http::rows_of(places, 5), nlohmann::ordered_json::parse(R"([
    {"tier": "device", "coming": false, "chunks": 1},
    {"tier": "host", "coming": false, "chunks": 1},
    {"tier": "host", "coming": true, "chunks": 1},
    {"tier": null, "coming": false, "chunks": 1},
    {"tier": "disk", "coming": true, "chunks": 1}])"));
  EXPECT_TRUE(http::rows_of(places, 0).empty());
}

}  // namespace
}  // namespace chromatin::test

// Several answers to the same messages.

#include <set>

#include <gmock/gmock.h>

#include "tests/http/fixture.hpp"

namespace chromatin::test {
namespace {

class Choices : public HttpServer {
 protected:
  json ask(const json& messages, std::uint32_t n, const json& more = json::object()) {
    json body{{"messages", messages}, {"n", n}, {"temperature", 1}, {"seed", 5}, {"max_tokens", 24}};
    body.update(more);
    auto r = post(body);
    EXPECT_EQ(r.status, 200) << r.body;
    reuse_ = r.header("x-chromatin-reuse");
    return body.value("stream", false) ? json(events_of(r)) : r.json();
  }
  /// From the header.
  std::uint32_t computed() const {
    auto at = reuse_.find("computed=");
    return at == reuse_.npos ? 0 : static_cast<std::uint32_t>(std::stoul(reuse_.substr(at + 9)));
  }
  std::string reuse_;
};

TEST_F(Choices, ShareTheirPromptAndDiffer) {
  deterministic_ = true;  // in a batch and alone
  start();
  auto answer = ask(json::array({message("user", taxi + taxi + taxi + taxi)}), 4);
  ASSERT_EQ(answer["choices"].size(), 4u);
  std::set<std::string> texts;
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(answer["choices"][i]["index"], i);
    texts.insert(answer["choices"][i]["message"]["content"]);
  }
  EXPECT_EQ(texts.size(), 4u);
  auto prompt = answer["usage"]["prompt_tokens"].get<std::uint32_t>();
  EXPECT_LT(computed(), prompt + 3 * 64) << "only the first computes all of it";
  EXPECT_LE(answer["usage"]["completion_tokens"], 4 * 24);
  auto alone = ask(json::array({message("user", taxi + taxi + taxi + taxi)}), 1);
  EXPECT_EQ(alone["choices"][0], answer["choices"][0]) << "the first is the one that would have come alone";
}

TEST_F(Choices, TheFirstGoesOnAsTheConversationAndTheOthersAreFoundByWhatTheySay) {
  start();
  json said = json::array();
  turn(said, taxi + taxi + taxi);
  said.push_back(message("user", "And for tomorrow?"));
  auto choices = ask(said, 3)["choices"];
  EXPECT_EQ(conversations(), 3u);
  for (int i = 0; i < 3; ++i) {
    auto on = said;
    on.push_back(choices[i]["message"]);
    EXPECT_LT(not_cached(turn(on, "Thanks!")), 16u) << "choice " << i;
  }
  EXPECT_EQ(conversations(), 3u);
}

TEST_F(Choices, OfANamedConversationTheFirstGoesOnUnderItsName) {
  start();
  json named{{"conversation", "talk"}};
  ask(json::array({message("user", taxi + taxi + taxi)}), 2, named);
  auto choices = ask(json::array({message("user", "And for tomorrow?")}), 2, named)["choices"];
  auto said = get("/v1/conversations/talk/messages").json();
  EXPECT_EQ(said["total"], 4);
  EXPECT_EQ(said["data"][3]["content"], choices[0]["message"]["content"]);
  EXPECT_EQ(conversations(), 3u) << "the second of each is in a fork";
}

TEST_F(Choices, StreamEachUnderItsNumber) {
  start();
  auto messages = json::array({message("user", taxi + taxi)});
  auto whole = ask(messages, 3);
  auto events = ask(messages, 3, {{"stream", true}, {"stream_options", {{"include_usage", true}}}});
  std::vector<std::string> texts(3), reasons(3);
  for (const auto& event : events)
    for (const auto& choice : event["choices"]) {
      texts.at(choice["index"]) += choice["delta"].value("content", "");
      if (choice["finish_reason"].is_string()) reasons.at(choice["index"]) = choice["finish_reason"];
    }
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(texts[i], whole["choices"][i]["message"]["content"]);
    EXPECT_EQ(reasons[i], whole["choices"][i]["finish_reason"]);
  }
  EXPECT_EQ(events.back()["usage"]["completion_tokens"], whole["usage"]["completion_tokens"]);
}

TEST_F(Choices, AreAllRefusedIfOneIs) {
  start({}, [](rpc::door_limits& limits) { limits.turns_per_connection_max = 2; });
  for (bool stream : {false, true}) {
    json body{{"messages", {message("user", "hi")}}, {"n", 3}, {"max_tokens", 4}, {"stream", stream}};
    auto r = post(body);
    EXPECT_EQ(r.status, 400) << "before anything is sent: " << r.body;
    EXPECT_EQ(r.json()["error"]["param"], "n");
    EXPECT_EQ(r.json()["error"]["message"], "n: 3 answers at a time; this server gives at most 2");
    body["n"] = 2;
    EXPECT_EQ(post(body).status, 200);
  }
  json prompts{{"prompt", {"a", "b", "c"}}, {"max_tokens", 1}};
  EXPECT_EQ(send(http_request("POST", "/v1/completions", prompts.dump())).json()["error"]["param"], "prompt");
  EXPECT_EQ(post({{"messages", {message("user", "hi")}}, {"n", 17}}).json()["error"]["param"], "n");
  EXPECT_EQ(gateway_counter("turns_under_way"), 0);
}

TEST_F(Choices, ThatFindNoPlaceNowComeBackLater) {
  start({}, [](rpc::door_limits& limits) { limits.turns_per_client_max = 3; });
  http_connection first{port_};
  first.send(http_request("POST", "/v1/chat/completions", endless(60'000).dump()));
  first.some();
  json body{{"messages", {message("user", "hi")}}, {"n", 3}, {"max_tokens", 4}, {"stream", true}};
  auto r = post(body);
  EXPECT_EQ(r.status, 429) << "before anything is sent: " << r.body;
  EXPECT_EQ(r.json()["error"]["param"], "n");
  EXPECT_GE(std::stoi("0" + r.header("retry-after")), 1);
  body["n"] = 2;
  EXPECT_EQ(post(body).status, 200) << "the places of what was refused are free";
}

}  // namespace
}  // namespace chromatin::test

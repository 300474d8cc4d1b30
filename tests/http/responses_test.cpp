// OpenAI's responses: a name for each point of a conversation, over restarts.

#include <thread>

#include <gmock/gmock.h>

#include "tests/http/fixture.hpp"

namespace chromatin::test {
namespace {

using testing::ElementsAre;

class Responses : public HttpServer {
 protected:
  http_reply ask(const json& body) { return send(http_request("POST", "/v1/responses", body.dump())); }
  json respond(const std::string& input, const json& more = json::object()) {
    json body{{"input", input}, {"temperature", 0}, {"max_output_tokens", 20}};
    body.update(more);
    auto r = ask(body);
    EXPECT_EQ(r.status, 200) << r.body;
    return r.json();
  }
  json behind(const json& before, const std::string& input, const json& more = json::object()) {
    json all{{"previous_response_id", before["id"]}};
    all.update(more);
    return respond(input, all);
  }
  http_reply shown(const json& response) { return get("/v1/responses/" + response["id"].get<std::string>()); }
  http_reply forget(const json& response) {
    return send(http_request("DELETE", "/v1/responses/" + response["id"].get<std::string>(), {}));
  }
  static std::string text_of(const json& response) { return response["output"][0]["content"][0]["text"]; }
  static std::uint32_t fresh(const json& response) {
    const auto& usage = response["usage"];
    return usage["input_tokens"].get<std::uint32_t>() -
           usage["input_tokens_details"]["cached_tokens"].get<std::uint32_t>();
  }
};

TEST_F(Responses, EachGoesOnFromTheOneBeforeAndComputesOnlyWhatIsNew) {
  start();
  auto last = respond(taxi + taxi + taxi);
  EXPECT_EQ(last["object"], "response");
  EXPECT_EQ(last["output"][0]["role"], "assistant");
  json said = json::array({message("user", taxi + taxi + taxi), message("assistant", text_of(last))});
  for (int i = 0; i < 3; ++i) {
    auto next = behind(last, "And for tomorrow?");
    EXPECT_LT(fresh(next), 16u);
    EXPECT_EQ(next["previous_response_id"], last["id"]);
    last = next;
  }
  EXPECT_EQ(conversations(), 1u);
  auto chat = turn(said, "And for tomorrow?");
  EXPECT_GE(cached(chat), 64u) << "a chat with the same messages is the same conversation";
}

TEST_F(Responses, SurviveARestart) {
  start();
  auto first = respond(taxi + taxi + taxi, {{"instructions", "Be brief."}, {"metadata", {{"who", "me"}}}});
  stop();
  start();
  EXPECT_EQ(shown(first).json(), first) << "all of it";
  EXPECT_LT(fresh(behind(first, "And for tomorrow?", {{"instructions", "Be brief."}})), 16u);
}

TEST_F(Responses, ManyMayGoOnFromOne) {
  start();
  auto first = respond(taxi + taxi + taxi);
  auto one = behind(first, "And for tomorrow?"), other = behind(first, "And for Sunday?");
  EXPECT_LT(fresh(other), 64u + 16u);
  EXPECT_EQ(conversations(), 2u);
  EXPECT_EQ(text_of(behind(first, "And for tomorrow?")), text_of(one));
  EXPECT_LT(fresh(behind(one, "Thanks!")), 16u);
  EXPECT_LT(fresh(behind(other, "Thanks!")), 16u);
}

TEST_F(Responses, ManyMayGoOnFromOneAtTheSameTime) {
  start();
  auto first = respond(taxi + taxi);
  std::vector<std::string> texts(6);
  {
    std::vector<std::jthread> all;
    for (auto& text : texts) all.emplace_back([&] { text = text_of(behind(first, "And for tomorrow?")); });
  }
  for (const auto& text : texts) EXPECT_EQ(text, texts[0]);
}

TEST_F(Responses, InstructionsAreThoseOfOneResponse) {
  start();
  auto first = respond(taxi, {{"instructions", "You are the concierge of a small hotel."}});
  auto without = behind(first, "And for tomorrow?");
  auto input = [&](const json& response) {
    auto all = get("/v1/responses/" + response["id"].get<std::string>() + "/input_items").json()["data"];
    std::vector<std::string> roles;
    for (const auto& item : all) roles.push_back(item["role"]);
    return roles;
  };
  EXPECT_THAT(input(first), ElementsAre("system", "user"));
  EXPECT_THAT(input(without), ElementsAre("user", "assistant", "user"));
  auto others = behind(without, "Thanks!", {{"instructions", "Be brief."}});
  EXPECT_THAT(input(others), ElementsAre("system", "user", "assistant", "user", "assistant", "user"));
  auto same = behind(others, "Bye.", {{"instructions", "Be brief."}});
  EXPECT_LT(fresh(same), 16u);
}

TEST_F(Responses, ANamedConversationKeepsTheInstructionsThatItBeganWith) {
  start();
  json talk{{"conversation", "talk"}, {"instructions", "Be brief."}};
  respond(taxi, talk);
  respond("And for tomorrow?", talk);
  respond("Thanks!", {{"conversation", "talk"}});
  EXPECT_EQ(get("/v1/conversations/talk").json()["messages"], 7);
  talk["instructions"] = "Be verbose.";
  talk["input"] = "hi";
  EXPECT_EQ(ask(talk).status, 400);
}

TEST_F(Responses, AreForgottenWithTheirConversationWhenNoOtherIsLeft) {
  start();
  auto first = respond(taxi), second = behind(first, "And for tomorrow?");
  EXPECT_EQ(forget(first).json()["deleted"], true);
  EXPECT_EQ(shown(first).status, 404);
  EXPECT_EQ(forget(first).status, 404);
  EXPECT_EQ(text_of(shown(second).json()), text_of(second));
  EXPECT_EQ(conversations(), 1u);
  EXPECT_EQ(forget(second).status, 200);
  EXPECT_EQ(conversations(), 0u);
  auto named = respond("hi", {{"conversation", "talk"}});
  EXPECT_EQ(forget(named).status, 200);
  EXPECT_EQ(conversations(), 1u) << "somebody named it";
}

TEST_F(Responses, ThatAreNotStoredAreNotFound) {
  start();
  auto first = respond(taxi, {{"store", false}});
  EXPECT_EQ(shown(first).status, 404);
  auto r = ask({{"input", "hi"}, {"previous_response_id", first["id"]}});
  EXPECT_EQ(r.status, 404);
  EXPECT_EQ(r.json()["error"]["param"], "previous_response_id");
  EXPECT_EQ(r.json()["error"]["code"], "previous_response_not_found");
}

TEST_F(Responses, AListOfMessagesIsAChat) {
  start();
  json said = json::array();
  turn(said, taxi + taxi + taxi);
  said.push_back(
      {{"type", "message"}, {"role", "user"}, {"content", {{{"type", "input_text"}, {"text", "And for tomorrow?"}}}}});
  auto response = ask({{"input", said}, {"temperature", 0}, {"max_output_tokens", 20}}).json();
  EXPECT_LT(fresh(response), 16u);
  EXPECT_EQ(conversations(), 1u);
  auto in_talk = respond(taxi, {{"conversation", {{"id", "talk"}}}});
  EXPECT_EQ(in_talk["conversation"]["id"], "talk");
  EXPECT_EQ(get("/v1/conversations/talk").json()["messages"], 2);
}

TEST_F(Responses, AStreamHasAllEventsInTheirOrder) {
  start();
  auto whole = respond(taxi, {{"top_logprobs", 1}});
  auto events = events_of(
      ask({{"input", taxi}, {"temperature", 0}, {"max_output_tokens", 20}, {"top_logprobs", 1}, {"stream", true}}));
  std::vector<std::string> types;
  std::string text;
  json likelihoods = json::array();
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i]["sequence_number"], i);
    auto type = events[i]["type"].get<std::string>();
    if (types.empty() || types.back() != type) types.push_back(type);
    if (type != "response.output_text.delta") continue;
    text += events[i]["delta"].get<std::string>();
    for (const auto& one : events[i]["logprobs"]) likelihoods.push_back(one);
  }
  EXPECT_THAT(types, ElementsAre("response.created", "response.in_progress", "response.output_item.added",
                                 "response.content_part.added", "response.output_text.delta",
                                 "response.output_text.done", "response.content_part.done", "response.output_item.done",
                                 whole["status"] == "completed" ? "response.completed" : "response.incomplete"));
  EXPECT_EQ(text, text_of(whole));
  EXPECT_EQ(likelihoods, whole["output"][0]["content"][0]["logprobs"]);
  auto last = events.back()["response"];
  EXPECT_EQ(text_of(last), text);
  EXPECT_EQ(last["usage"]["output_tokens"], whole["usage"]["output_tokens"]);
  EXPECT_EQ(text_of(shown(last).json()), text);
}

TEST_F(Responses, OneThatMaxTokensCutsIsIncomplete) {
  start();
  auto cut = respond(taxi, {{"max_output_tokens", 1}});
  EXPECT_EQ(cut["status"], "incomplete");
  EXPECT_EQ(cut["incomplete_details"]["reason"], "max_output_tokens");
  EXPECT_EQ(cut["output"][0]["status"], "incomplete");
}

TEST_F(Responses, AnotherTenantDoesNotSeeThem) {
  start({.tenants = {{"one-token", "one"}, {"two-token", "two"}}, .operators = {}});
  auto mine = send(http_request("POST", "/v1/responses", json{{"input", "hi"}}.dump(), "one-token")).json();
  auto path = "/v1/responses/" + mine["id"].get<std::string>();
  EXPECT_EQ(send(http_request("GET", path, {}, "one-token")).status, 200);
  EXPECT_EQ(send(http_request("GET", path, {}, "two-token")).status, 404);
  EXPECT_EQ(send(http_request("DELETE", path, {}, "two-token")).status, 404);
}

TEST_F(Responses, WhatIsWrongIsNamed) {
  start();
  auto param = [&](json body) {
    if (!body.contains("input")) body["input"] = "hi";
    auto r = ask(body);
    EXPECT_EQ(r.status, 400) << body;
    return r.json()["error"]["param"];
  };
  EXPECT_EQ(param({{"input", nullptr}}), "input");
  EXPECT_EQ(param({{"input", 5}}), "input");
  EXPECT_EQ(param({{"input", json::array({{{"type", "reasoning"}}})}}), "input[0].type");
  EXPECT_EQ(param({{"input", json::array({message("assistant", "hi")})}}), "input[0].role");
  EXPECT_EQ(param({{"tools", {{{"type", "web_search"}}}}}), "tools");
  EXPECT_EQ(param({{"background", true}}), "background");
  EXPECT_EQ(param({{"text", {{"format", {{"type", "json_schema"}}}}}}), "text.format");
  EXPECT_EQ(param({{"text", 5}}), "text");
  EXPECT_EQ(param({{"include", {"file_search_call.results"}}}), "include");
  EXPECT_EQ(param({{"metadata", {{"a", 5}}}}), "metadata.a");
  EXPECT_EQ(param({{"max_output_tokens", 0}}), "max_output_tokens");
  EXPECT_EQ(param({{"n", 2}}), "n");
  EXPECT_EQ(param({{"conversation", "a"}, {"previous_response_id", "b"}}), "conversation");
  EXPECT_EQ(ask(json{{"input", "hi"}, {"previous_response_id", "resp_1"}}).status, 404);
  EXPECT_EQ(get("/v1/responses/resp_1").status, 404);
  EXPECT_EQ(get("/v1/responses").status, 405);
  EXPECT_EQ(get("/v1/responses/resp_1/nothing").status, 404);
  EXPECT_EQ(send(http_request("POST", "/v1/responses/resp_1", "{}")).status, 405);
  EXPECT_EQ(conversations(), 0u);
}

}  // namespace
}  // namespace chromatin::test

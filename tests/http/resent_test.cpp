// What clients do to messages on their way back: whether the conversation is found all the same, and what it costs.

#include <gmock/gmock.h>

#include "tests/http/fixture.hpp"

namespace chromatin::test {
namespace {

class Resent : public HttpServer {
 protected:
  /// A conversation of two turns.
  json begin() {
    start();
    json said = {message("system", "You are the concierge of a small hotel."), message("user", taxi + taxi)};
    answer(said);
    said.push_back(message("user", "And for tomorrow?\n"));
    answer(said);
    return said;
  }
  /// Adds the answer to `said`; `more` is only sent. How many tokens of the prompt were computed.
  std::uint32_t answer(json& said, const std::string& more = {}) {
    auto asked = said;
    asked.back()["content"] = asked.back()["content"].get<std::string>() + more;
    auto r = post({{"messages", asked}, {"temperature", 0}, {"max_tokens", 20}});
    EXPECT_EQ(r.status, 200) << r.body;
    auto answer = r.json();
    said.push_back(answer["choices"][0]["message"]);
    return not_cached(answer);
  }
  /// The next turn of what was said, sent back like this.
  std::uint32_t next(json said) {
    said.push_back(message("user", "Thank you."));
    return answer(said);
  }
  static constexpr std::uint32_t only_new = 16;
};

TEST_F(Resent, TrimmedMessagesAreFound) {
  auto said = begin();
  for (auto& m : said) {
    auto text = m["content"].get<std::string>();
    auto first = text.find_first_not_of(" \n");
    m["content"] = text.substr(first, text.find_last_not_of(" \n") + 1 - first);
  }
  EXPECT_LT(next(said), only_new);
  EXPECT_EQ(conversations(), 1u);
}

TEST_F(Resent, PaddedMessagesAreFound) {
  auto said = begin();
  for (auto& m : said) m["content"] = "\r\n" + m["content"].get<std::string>() + "\n";
  EXPECT_LT(next(said), only_new);
  EXPECT_EQ(conversations(), 1u);
}

TEST_F(Resent, AnEmptySystemMessageIsNone) {
  start();
  json said = {message("user", taxi + taxi)};
  answer(said);
  auto with = said;
  with.insert(with.begin(), message("system", ""));
  with.push_back(message("user", "And for tomorrow?"));
  auto r = post({{"messages", with}, {"temperature", 0}, {"max_tokens", 20}});
  EXPECT_LT(not_cached(r.json()), only_new);
  EXPECT_EQ(conversations(), 1u);
}

TEST_F(Resent, TextsInPartsAreFound) {
  auto said = begin();
  for (auto& m : said) {
    auto text = m["content"].get<std::string>();
    m["content"] = {{{"type", "text"}, {"text", text.substr(0, 9)}}, {{"type", "text"}, {"text", text.substr(9)}}};
  }
  EXPECT_LT(next(said), only_new);
  EXPECT_EQ(conversations(), 1u);
}

TEST_F(Resent, EscapesAreTheLettersThatTheyStandFor) {
  start();
  json said = {message("user", taxi + taxi + "For Zo\u00eb \U0001F600, please.")};
  answer(said);
  said.push_back(message("user", "And for tomorrow?"));
  json body{{"messages", said}, {"temperature", 0}, {"max_tokens", 20}};
  auto escaped = body.dump(-1, ' ', true);
  EXPECT_NE(escaped.find("\\ud83d"), escaped.npos);
  auto r = send(http_request("POST", "/v1/chat/completions", escaped));
  EXPECT_LT(not_cached(r.json()), only_new);
  EXPECT_EQ(conversations(), 1u);
}

TEST_F(Resent, StrippedThoughtsAreFound) {
  start();
  // The small model does not think; another client brings what one said that did.
  json said = {message("user", taxi + taxi),
               message("assistant", "<think>\nA taxi, at six.\n</think>\n\nIt is booked."),
               message("user", "And for tomorrow?")};
  answer(said);
  said[1]["content"] = "It is booked.";
  EXPECT_LT(next(said), only_new);
  EXPECT_EQ(conversations(), 1u);
}

TEST_F(Resent, ABlockThatIsGoneATurnLaterCostsWhatIsBehindIt) {
  auto said = begin();
  said.push_back(message("user", "Thank you."));
  answer(said, "\n<reminder>It is eight in the evening, and the guest is in room seven.</reminder>");
  auto before = conversations();
  said.push_back(message("user", "Good night."));
  auto asked = post({{"messages", said}, {"temperature", 0}, {"max_tokens", 20}}).json();
  EXPECT_LT(not_cached(asked), 64u + only_new) << "the message, its answer and the new one";
  EXPECT_GE(cached(asked), 64u) << "what is before them is there";
  EXPECT_EQ(conversations(), before + 1) << "a fork in front of it";
}

TEST_F(Resent, AnswersThatWereCutOffByTheClientAreGoneOnBehind) {
  auto said = begin();
  auto text = said.back()["content"].get<std::string>();
  said.back()["content"] = text.substr(0, text.size() / 2);
  EXPECT_LT(next(said), 64u + only_new) << "a fork in front of the answer";
  EXPECT_EQ(conversations(), 2u);
}

TEST_F(Resent, UnderAnotherSaltNothingIsFound) {
  start();
  json said = {message("user", taxi + taxi)};
  answer(said);
  said.push_back(message("user", "And for tomorrow?"));
  json body{{"messages", said}, {"temperature", 0}, {"max_tokens", 20}, {"cache_salt", "of another guest"}};
  auto first = post(body).json(), again = post(body).json();
  EXPECT_EQ(cached(first), 0u);
  EXPECT_GE(cached(again), 64u) << "what was said under it is";
  EXPECT_EQ(first["choices"], again["choices"]);
  for (const auto& [path, more] :
       {std::pair{"/v1/responses", json{{"input", said}}}, {"/v1/completions", json{{"prompt", taxi + taxi + taxi}}}}) {
    auto ask = [&](const std::string& salt) {
      auto asked = more;
      asked.update({{"cache_salt", salt}, {"temperature", 0}});
      return send(http_request("POST", path, asked.dump())).json()["usage"];
    };
    auto cached_of = [](const json& usage) {
      return usage[usage.contains("input_tokens") ? "input_tokens_details" : "prompt_tokens_details"]["cached_tokens"]
          .get<int>();
    };
    EXPECT_EQ(cached_of(ask(std::string{"a"} + path)), 0) << path;
    EXPECT_GE(cached_of(ask(std::string{"a"} + path)), 64) << path;
  }
}

TEST_F(Resent, AConversationKeepsItsSalt) {
  start();
  auto say = [&](const std::string& salt) {
    return post(
        {{"conversation", "talk"}, {"messages", {message("user", "hi")}}, {"max_tokens", 2}, {"cache_salt", salt}});
  };
  EXPECT_EQ(say("one").status, 200);
  EXPECT_EQ(say("two").status, 400);
  EXPECT_EQ(say("").status, 400);
  EXPECT_EQ(say("one").status, 200);
  EXPECT_EQ(say(std::string(200, 'x')).json()["error"]["param"], "cache_salt");
}

TEST_F(Resent, WhoGoesOnBesideATurnUnderWayForksWhatIsBeforeIt) {
  start();
  json said = {message("user", taxi + taxi)};
  answer(said);
  auto busy = said;
  busy.push_back(message("user", "Tell me everything."));
  auto body = endless(60'000);
  body["messages"] = busy;
  http_connection other{port_};
  other.send(http_request("POST", "/v1/chat/completions", body.dump()));
  other.some();
  EXPECT_LT(next(said), only_new) << "with the tokens that were generated";
  EXPECT_EQ(gateway_counter("turns_under_way"), 1);
  EXPECT_EQ(conversations(), 2u);
}

}  // namespace
}  // namespace chromatin::test

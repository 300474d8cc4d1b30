// What a chat request may say, and what is said of one that is wrong.

#include "http/chat_request.hpp"

#include <cstdint>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chromatin::http {
namespace {

using json = nlohmann::json;
using testing::HasSubstr;

json minimal() { return {{"messages", {{{"role", "user"}, {"content", "hi"}}}}}; }

chat_request read(const json& body) { return read_chat_request(body.dump(), {.seed = 7, .vocabulary = 1000}); }

/// Of a minimal request with these fields.
error refusal_of(const json& more) {
  auto body = minimal();
  body.update(more);
  try {
    read(body);
  } catch (const error& e) {
    EXPECT_EQ(e.status, 400u);
    EXPECT_THAT(e.message, testing::Not(HasSubstr("\n")));
    return e;
  }
  ADD_FAILURE() << more << " is not refused";
  return {};
}

TEST(ChatRequest, WhatIsNotSaidIsWhatOpenAISays) {
  auto r = read(minimal());
  EXPECT_FLOAT_EQ(r.sampling.temperature, 1);
  EXPECT_FLOAT_EQ(r.sampling.top_p, 1);
  EXPECT_EQ(r.sampling.seed, 7u);
  EXPECT_EQ(r.sampling.tokens_max, 0u);
  EXPECT_EQ(r.sampling.min_p, 0);
  EXPECT_FALSE(r.sampling.less.any());
  EXPECT_FALSE(r.sampling.likelihoods);
  EXPECT_FALSE(r.stream);
  EXPECT_EQ(r.priority, 50);
}

TEST(ChatRequest, EveryFieldThatIsServedIsRead) {
  auto body = minimal();
  body.update({{"temperature", 0.5},
               {"top_p", 0.25},
               {"top_k", 40},
               {"min_p", 0.05},
               {"presence_penalty", 0.5},
               {"frequency_penalty", -0.5},
               {"repeat_penalty", 1.1},
               {"repeat_last_n", 100},
               {"logit_bias", {{"7", -100}, {"999", 0.5}}},
               {"logprobs", true},
               {"top_logprobs", 5},
               {"seed", 3},
               {"stop", {"a", "b"}},
               {"max_tokens", 9},
               {"max_completion_tokens", 10},
               {"stream", true},
               {"stream_options", {{"include_usage", true}}},
               {"priority", 80},
               {"ttl", 1.5},
               {"n", 3},
               {"model", "m"}});
  auto r = read(body);
  EXPECT_FLOAT_EQ(r.sampling.temperature, 0.5f);
  EXPECT_FLOAT_EQ(r.sampling.top_p, 0.25f);
  EXPECT_EQ(r.sampling.top_k, 40u);
  EXPECT_FLOAT_EQ(r.sampling.min_p, 0.05f);
  EXPECT_FLOAT_EQ(r.sampling.less.presence, 0.5f);
  EXPECT_FLOAT_EQ(r.sampling.less.frequency, -0.5f);
  EXPECT_FLOAT_EQ(r.sampling.less.repeat, 1.1f);
  EXPECT_EQ(r.sampling.less.last_n, 100u);
  EXPECT_EQ(r.sampling.biases, (std::vector<model::token_bias>{{7, -100}, {999, 0.5f}}));
  EXPECT_EQ(r.sampling.likelihoods, 5u);
  EXPECT_EQ(r.sampling.seed, 3u);
  EXPECT_THAT(r.sampling.stop, testing::ElementsAre("a", "b"));
  EXPECT_EQ(r.sampling.tokens_max, 10u);
  EXPECT_TRUE(r.stream);
  EXPECT_TRUE(r.include_usage);
  EXPECT_EQ(r.priority, 80);
  EXPECT_EQ(r.keep.ttl_us, 1'500'000);
  EXPECT_EQ(r.n, 3u);
  EXPECT_EQ(r.model, "m");
}

TEST(ChatRequest, TextPartsAreJoinedAndDevelopersAreSystems) {
  auto r = read(
      {{"messages",
        {{{"role", "developer"}, {"content", "Be brief."}},
         {{"role", "user"}, {"content", {{{"type", "text"}, {"text", "a"}}, {{"type", "text"}, {"text", "b"}}}}}}}});
  ASSERT_EQ(r.messages.size(), 2u);
  EXPECT_EQ(r.messages[0].role, "system");
  EXPECT_EQ(r.messages[1].content, "ab");
}

TEST(ChatRequest, AnEmptySystemMessageIsNone) {
  auto r = read({{"messages", {{{"role", "system"}, {"content", ""}}, {{"role", "user"}, {"content", "hi"}}}}});
  EXPECT_EQ(r.messages.size(), 1u);
}

TEST(ChatRequest, WhatAsksForNothingIsAccepted) {
  auto body = minimal();
  body.update({{"tools", json::array()},
               {"tool_choice", "none"},
               {"response_format", {{"type", "text"}}},
               {"n", 1},
               {"logprobs", false},
               {"presence_penalty", 0.0},
               {"frequency_penalty", 0},
               {"repeat_penalty", 1},
               {"top_logprobs", nullptr},
               {"logit_bias", json::object()},
               {"functions", nullptr},
               {"modalities", {"text"}},
               {"temperature", nullptr},
               {"user", "somebody"},
               {"metadata", {{"a", "b"}}},
               {"nobody knows this", {1, 2}}});
  EXPECT_EQ(read(body).messages.size(), 1u);
}

TEST(ChatRequest, WhatIsNotServedIsRefusedByName) {
  for (const json& more : {json{{"tools", {{{"type", "function"}}}}},
                           json{{"response_format", {{"type", "json_object"}}}}, json{{"audio", {{"voice", "x"}}}},
                           json{{"modalities", {"text", "audio"}}}, json{{"tool_choice", "required"}}}) {
    auto e = refusal_of(more);
    EXPECT_EQ(e.param, more.begin().key());
    EXPECT_THAT(e.message, HasSubstr("not served"));
  }
}

TEST(ChatRequest, AllTokensOfTheWindowCountForPenaltiesIfMinusOneIsSaid) {
  auto body = minimal();
  body["repeat_last_n"] = -1;
  EXPECT_EQ(read(body).sampling.less.last_n, ~0u);
}

TEST(ChatRequest, MinusOneIsAnySeedAndAllTokensAndOtherSeedsMayBeBelowZero) {
  auto with = [](const char* name, const json& value) {
    auto body = minimal();
    body[name] = value;
    return read(body).sampling;
  };
  EXPECT_EQ(with("seed", -1).seed, 7u) << "what is not said";
  EXPECT_EQ(with("seed", -2).seed, ~std::uint64_t{1});
  EXPECT_EQ(with("seed", std::numeric_limits<std::int64_t>::min()).seed, std::uint64_t{1} << 63);
  EXPECT_EQ(with("top_k", -1).top_k, with("top_k", 0).top_k);
  EXPECT_EQ(refusal_of({{"top_k", -2}}).param, "top_k");
}

TEST(ChatRequest, AZeroByteIsNotTheEndOfJson) {
  auto body = minimal().dump();
  EXPECT_NO_THROW(read_chat_request(body, {}));
  EXPECT_THROW(read_chat_request(body + '\0', {}), error);
  EXPECT_THROW(read_chat_request(body + '\0' + "what nobody reads", {}), error);
}

TEST(ChatRequest, AWrongTypeOrValueNamesItsField) {
  EXPECT_EQ(refusal_of({{"n", 0}}).param, "n");
  EXPECT_EQ(refusal_of({{"min_p", 1.1}}).param, "min_p");
  EXPECT_EQ(refusal_of({{"presence_penalty", 2.5}}).param, "presence_penalty");
  EXPECT_EQ(refusal_of({{"frequency_penalty", "x"}}).param, "frequency_penalty");
  EXPECT_EQ(refusal_of({{"repeat_penalty", 0}}).param, "repeat_penalty");
  EXPECT_EQ(refusal_of({{"repeat_last_n", -2}}).param, "repeat_last_n");
  EXPECT_EQ(refusal_of({{"logit_bias", {5}}}).param, "logit_bias");
  EXPECT_EQ(refusal_of({{"logit_bias", {{"1000", 1}}}}).param, "logit_bias");
  EXPECT_EQ(refusal_of({{"logit_bias", {{"five", 1}}}}).param, "logit_bias");
  EXPECT_EQ(refusal_of({{"logit_bias", {{"5", 101}}}}).param, "logit_bias.5");
  EXPECT_EQ(refusal_of({{"logprobs", 1}}).param, "logprobs");
  EXPECT_EQ(refusal_of({{"top_logprobs", 1}}).param, "top_logprobs");
  EXPECT_EQ(refusal_of({{"logprobs", true}, {"top_logprobs", 21}}).param, "top_logprobs");
  EXPECT_EQ(refusal_of({{"temperature", "hot"}}).param, "temperature");
  EXPECT_EQ(refusal_of({{"temperature", 2.5}}).param, "temperature");
  EXPECT_EQ(refusal_of({{"top_p", -1}}).param, "top_p");
  EXPECT_EQ(refusal_of({{"seed", 1.5}}).param, "seed");
  EXPECT_EQ(refusal_of({{"max_tokens", 0}}).param, "max_tokens");
  EXPECT_EQ(refusal_of({{"max_tokens", 1e30}}).param, "max_tokens");
  EXPECT_EQ(refusal_of({{"stop", 5}}).param, "stop");
  EXPECT_EQ(refusal_of({{"stream", "yes"}}).param, "stream");
  EXPECT_EQ(refusal_of({{"stream_options", {{"include_usage", 1}}}}).param, "stream_options.include_usage");
  EXPECT_EQ(refusal_of({{"priority", 101}}).param, "priority");
  EXPECT_EQ(refusal_of({{"messages", "hi"}}).param, "messages");
  EXPECT_EQ(refusal_of({{"messages", json::array()}}).param, "messages");
  EXPECT_EQ(refusal_of({{"messages", {5}}}).param, "messages[0]");
  EXPECT_EQ(refusal_of({{"messages", {{{"role", "tool"}, {"content", "x"}}}}}).param, "messages[0].role");
  EXPECT_EQ(refusal_of({{"messages", {{{"role", "user"}}}}}).param, "messages[0].content");
  EXPECT_EQ(refusal_of({{"messages", {{{"role", "user"}, {"content", 7}}}}}).param, "messages[0].content");
  EXPECT_EQ(refusal_of({{"messages", {{{"role", "user"}, {"content", {{{"type", "image_url"}}}}}}}}).param,
            "messages[0].content[0].type");
  EXPECT_EQ(refusal_of({{"messages", {{{"role", "user"}, {"content", {{{"type", "text"}}}}}}}}).param,
            "messages[0].content[0].text");
  EXPECT_EQ(refusal_of({{"messages", {{{"role", "assistant"}, {"content", "x"}}}}}).param, "messages[0].role");
}

TEST(ChatRequest, WhatIsNotJsonSaysWhere) {
  auto message_of = [](std::string_view body) {
    try {
      read_chat_request(body, {});
    } catch (const error& e) {
      return e.message;
    }
    return std::string{};
  };
  EXPECT_THAT(message_of(R"({"messages": [)"), HasSubstr("at byte 15"));
  EXPECT_THAT(message_of(R"({"seed": 1e999})"), HasSubstr("too large: '1e999'"));
  EXPECT_THAT(message_of("[]"), HasSubstr("must be a JSON object"));
  EXPECT_THAT(message_of("{\"messages\": [{\"role\": \"user\", \"content\": \"\xff\"}]}"), HasSubstr("at byte"));
}

}  // namespace
}  // namespace chromatin::http

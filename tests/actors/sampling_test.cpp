// How tokens are chosen, end to end: whatever happens to a turn, its tokens and their likelihoods are those that it
// would have had alone.

#include <gmock/gmock.h>

#include "tests/actors/long_texts.hpp"
#include "tests/actors/world.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

struct telling_sink final : token_sink {
  void text(std::string_view more) override { all += more; }
  void likelihood(model::token_likelihood one) override { told.push_back(std::move(one)); }
  std::string all;
  std::vector<model::token_likelihood> told;
};

struct told_answer {
  std::string text, error;
  std::vector<kv::token_id> tokens;
  std::vector<float> likelihoods;
  turn_statistics statistics;
  bool operator==(const told_answer& o) const {
    return text == o.text && tokens == o.tokens && likelihoods == o.likelihoods && error == o.error;
  }
};

/// Words that are drawn again and again, the sooner the less often they were.
model::sampling wordy(const world& w) {
  model::sampling how{.temperature = 0.15f, .seed = 4, .tokens_max = 80, .likelihoods = 2};
  how.less = {.repeat = 1.1f, .presence = 0.05f, .frequency = 0.1f, .last_n = 50};
  for (auto token : w.checkpoint->tokenizer->encode("taxi for four at six to the airport please"))
    how.biases.push_back({token, 2});
  return how;
}

/// Begins a turn; the answer is there after run().
std::shared_ptr<told_answer> say(world& w, turn_id id, const std::string& conversation, const model::sampling& how) {
  auto answer = std::make_shared<told_answer>();
  auto sink = std::make_shared<telling_sink>();
  say_request request{.turn = id, .conversation = {"tenant", conversation}, .text = taxi, .sampling = how};
  w.system.spawn([answer, sink, request, to = w.gateway](caf::event_based_actor* self) {
    auto end = [answer, sink] {
      answer->text = sink->all;
      for (const auto& one : sink->told) {
        answer->tokens.push_back(one.token);
        answer->likelihoods.push_back(one.logarithm);
      }
    };
    self->request(to, caf::infinite, atom::say_v, request, std::shared_ptr<token_sink>{sink})
        .then(
            [=](const turn_statistics& statistics) {
              answer->statistics = statistics;
              end();
            },
            [=](const caf::error& error) {
              answer->error = explain(error);
              end();
            });
  });
  return answer;
}

told_answer alone() {
  static const auto answer = [] {
    world w;
    auto said = say(w, 900, "c", wordy(w));
    w.run();
    return *said;
  }();
  return answer;
}

TEST(Sampling, TheTokensThatAreToldAreThoseOfTheText) {
  auto answer = alone();
  EXPECT_EQ(answer.error, "");
  EXPECT_EQ(answer.tokens.size(), 80u);
  world w;
  std::string text;
  for (auto token : answer.tokens) text += w.checkpoint->tokenizer->bytes(token);
  EXPECT_EQ(text, answer.text);
  auto plain = wordy(w);
  plain.likelihoods = {};
  auto silent = say(w, 900, "c", plain);
  w.run();
  EXPECT_EQ(silent->text, answer.text);
  EXPECT_TRUE(silent->tokens.empty());
}

TEST(Sampling, OfAnAnswerThatAStopStringEndsOnlyTheTokensThatAreSeenAreTold) {
  auto whole = alone();
  world w;
  auto how = wordy(w);
  how.stop = {whole.text.substr(40, 12)};
  auto cut = say(w, 900, "c", how);
  w.run();
  EXPECT_EQ(cut->statistics.stopped, stop_reason::stop_string);
  std::string text;
  for (auto token : cut->tokens) text += w.checkpoint->tokenizer->bytes(token);
  EXPECT_TRUE(cut->text.starts_with(text)) << text;
  EXPECT_LT(cut->text.size() - text.size(), 12u) << "but for the part of a token";
}

TEST(Sampling, AnExecutorThatDiesChangesNoToken) {
  std::uint64_t nth = 0;
  for (;; ++nth) {
    world w;
    auto answer = say(w, 900, "c", wordy(w));
    w.kill_at(caf::actor_cast<caf::strong_actor_ptr>(w.executor), nth);
    while (w.dying() && w.step()) {
    }
    if (w.dying()) break;
    w.spawn_executor();
    w.run();
    ASSERT_EQ(*answer, alone()) << "killed at message " << nth;
  }
  EXPECT_GT(nth, 10u);
}

TEST(Sampling, ATurnThatGivesWayIsAnsweredTheSame) {
  world w{{.device_chunks = 4}};
  std::vector<std::shared_ptr<told_answer>> all;
  for (turn_id id = 900; id < 904; ++id) all.push_back(say(w, id, "c" + std::to_string(id), wordy(w)));
  w.run();
  std::uint32_t gave_way = 0;
  for (const auto& answer : all) {
    EXPECT_EQ(*answer, alone());
    gave_way += answer->statistics.preemptions;
  }
  EXPECT_GT(gave_way, 0u);
}

TEST(Sampling, ALoadThatFailsAfterATokenWasDrawnChangesNoToken) {
  auto answers = [](bool faulty) {
    world w{{.device_chunks = 8, .host_chunks = 40, .orders_loads = true, .temperature = 0.15f}};
    auto all = play(w, "And now?", 0, 50, [&](int i) {  // short: the step that loads ends with a token
      if (faulty && i >= 10) w.backend->faults.in_fails = 1;
    });
    EXPECT_EQ(w.counter(w.scheduler, "load_failures") > 0, faulty);
    return all;
  };
  EXPECT_EQ(answers(true), answers(false));
}

TEST(Sampling, WhatIsBeyondItsBoundsIsNamed) {
  world w;
  auto error_of = [&, id = turn_id{900}](const std::function<void(model::sampling&)>& change) mutable {
    model::sampling how{.temperature = 1};
    change(how);
    auto answer = say(w, ++id, "c", how);
    w.run();
    return answer->error;
  };
  EXPECT_EQ(error_of([](auto&) {}), "");
  EXPECT_THAT(error_of([](auto& how) { how.min_p = 1.5f; }), HasSubstr("min_p"));
  EXPECT_THAT(error_of([](auto& how) { how.min_p = std::numeric_limits<float>::quiet_NaN(); }), HasSubstr("min_p"));
  EXPECT_THAT(error_of([](auto& how) { how.less.repeat = 0; }), HasSubstr("repeat_penalty"));
  EXPECT_THAT(error_of([](auto& how) { how.less.presence = 1000; }), HasSubstr("penalties"));
  EXPECT_THAT(error_of([](auto& how) { how.less.frequency = -1000; }), HasSubstr("penalties"));
  EXPECT_THAT(error_of([](auto& how) { how.biases = {{5, 1000}}; }), HasSubstr("bias"));
  EXPECT_THAT(error_of([](auto& how) { how.biases = {{1u << 30, 1}}; }), HasSubstr("token 1073741824"));
  EXPECT_THAT(error_of([](auto& how) { how.biases.resize(5000); }), HasSubstr("1024"));
  EXPECT_THAT(error_of([](auto& how) { how.likelihoods = 21; }), HasSubstr("20"));
  EXPECT_THAT(error_of([](auto& how) { how.likelihoods = 1, how.tokens_max = 60000; }), HasSubstr("8192"));
  EXPECT_EQ(w.info("c").messages, 2u);
}

}  // namespace
}  // namespace chromatin::test

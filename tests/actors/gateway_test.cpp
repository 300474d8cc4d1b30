// The gateway between a registry and a scheduler that are second behaviours of the same interfaces: each turn is
// answered, whatever dies.

#include <gmock/gmock.h>

#include "tests/actors/gateway_fakes.hpp"

namespace chromatin::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Gateway : public testing::Test {
 protected:
  Gateway() {
    registry = system.spawn(fake_registry, &log);
    scheduler = system.spawn(fake_scheduler, &log);
    tiers = system.spawn(fake_tiers, &log);
    gateway = system.spawn(chromatin::gateway, registry, scheduler, tiers, gateway_limits{.page_max = 7});
    run();
  }
  ~Gateway() override {
    for (auto actor :
         {caf::actor_cast<caf::strong_actor_ptr>(gateway), caf::actor_cast<caf::strong_actor_ptr>(registry),
          caf::actor_cast<caf::strong_actor_ptr>(scheduler), caf::actor_cast<caf::strong_actor_ptr>(tiers)})
      caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    run();
  }
  void run() {
    while (coordinator.try_run_once()) {
    }
  }
  template <class Actor>
  void kill(const Actor& actor) {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    run();
  }
  template <class T, class... Message>
  std::shared_ptr<reply<T>> ask(Message... message) {
    auto result = std::make_shared<reply<T>>();
    system.spawn([=, this](caf::event_based_actor* self) {
      self->request(gateway, caf::infinite, message...)
          .then([result](T& value) { result->value = std::move(value); },
                [result](const caf::error& error) { result->error = explain(error); });
    });
    run();
    return result;
  }
  std::shared_ptr<reply<turn_statistics>> say(turn_id turn, std::uint8_t priority = 50, kv::retention keep = {}) {
    say_request request{.turn = turn,
                        .conversation = {"tenant", "c" + std::to_string(turn)},
                        .text = "hello",
                        .priority = priority,
                        .keep = keep};
    return ask<turn_statistics>(atom::say_v, request, std::shared_ptr<token_sink>{});
  }
  void answer_turns() { go_on(scheduler); }
  void go_on(const measured_actor& who) {
    caf::anon_send(who, atom::stats_v);
    run();
  }
  std::int64_t under_way() { return (**ask<counters>(atom::stats_v)).values[0].second; }

  seen log;
  desk_config config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& coordinator = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  registry_actor registry;
  scheduler_actor scheduler;
  eraser_actor tiers;
  gateway_actor gateway;
};

TEST_F(Gateway, AWishToKeepIsBoundedAndPrioritiesAboveAHundredAreRefused) {
  constexpr std::int64_t day_us = std::int64_t{24} * 3600 * 1'000'000;
  say(1, 100, {100, 5});
  say(2, 50, {0, 1000 * day_us});
  EXPECT_THAT(say(3, 101)->error, HasSubstr("between 0 and 100"));
  EXPECT_THAT(say(4, 50, {101, 5})->error, HasSubstr("between 0 and 100"));
  ASSERT_EQ(log.kept.size(), 2u);
  EXPECT_EQ(log.kept[0].ttl_us, 5);
  EXPECT_EQ(log.kept[0].priority, 100);
  EXPECT_EQ(log.kept[1].ttl_us, day_us);
  answer_turns();
}

TEST_F(Gateway, ATurnIsAppendedComputedAndSettled) {
  auto turn = say(1);
  answer_turns();
  EXPECT_TRUE(turn->value) << turn->error;
  EXPECT_THAT(log.settled, ElementsAre(1u));
  EXPECT_TRUE(log.released.empty());
  EXPECT_EQ(under_way(), 0);
}

TEST_F(Gateway, TurnsAreListedWithTheirConversations) {
  say(1);
  auto all = ask<turn_views>(atom::list_v);
  ASSERT_TRUE(all->value) << all->error;
  ASSERT_EQ((**all).size(), 1u);
  EXPECT_EQ((**all)[0].conversation.tenant, "tenant");
  EXPECT_EQ((**all)[0].conversation.id, "c1");
  answer_turns();
}

TEST_F(Gateway, WhatWasSaidElsewhereComesInFrontOfTheMessage) {
  say_request request{.turn = 1, .conversation = {"tenant", "c"}, .before = {{"system", "Be brief."}}, .text = "hello"};
  ask<turn_statistics>(atom::say_v, request, std::shared_ptr<token_sink>{});
  ASSERT_EQ(log.messages.size(), 1u);
  EXPECT_EQ(log.messages[0].front().role, "system");
  EXPECT_EQ(log.messages[0].back().content, "hello");
}

TEST_F(Gateway, APlainPromptIsComputedAndNobodyRemembersIt) {
  say_request request{.turn = 1, .conversation = {"tenant", {}}, .plain = plain_prompt{"Once upon a time", {}}};
  auto turn = ask<turn_statistics>(atom::say_v, request, std::shared_ptr<token_sink>{});
  answer_turns();
  EXPECT_TRUE(turn->value) << turn->error;
  EXPECT_THAT(log.plain, ElementsAre("Once upon a time"));
  EXPECT_TRUE(log.appended.empty());
  EXPECT_TRUE(log.settled.empty());
  EXPECT_EQ(under_way(), 0);
  request.plain = plain_prompt{};
  EXPECT_THAT(ask<turn_statistics>(atom::say_v, request, std::shared_ptr<token_sink>{})->error, HasSubstr("empty"));
}

TEST_F(Gateway, WhenTheSchedulerDiesItsTurnsAreAnsweredAndReleased) {
  auto a = say(1), b = say(2);
  kill(scheduler);
  EXPECT_THAT(a->error, HasSubstr("not_available: the scheduler died"));
  EXPECT_THAT(b->error, HasSubstr("not_available"));
  EXPECT_EQ(log.released.size(), 2u);
  EXPECT_EQ(under_way(), 0);
  EXPECT_THAT(say(3)->error, HasSubstr("not_available")) << "and later ones";
}

TEST_F(Gateway, WhenTheSchedulerDiesATurnThatIsBeingSettledStillIs) {
  log.settling_hangs = true;
  auto turn = say(1);
  answer_turns();
  kill(scheduler);
  go_on(registry);
  EXPECT_TRUE(turn->value) << turn->error;
}

TEST_F(Gateway, WhenTheRegistryDiesEveryTurnIsAnswered) {
  log.settling_hangs = true;
  auto settling = say(1);
  answer_turns();
  auto computing = say(2);
  kill(registry);
  EXPECT_THAT(computing->error, HasSubstr("not_available: the registry died"));
  EXPECT_THAT(settling->error, HasSubstr("not_available"));
  EXPECT_EQ(under_way(), 0);
}

TEST_F(Gateway, WhenTheGatewayDiesItsTurnsAreAnswered) {
  auto turn = say(1);
  kill(gateway);
  EXPECT_THAT(turn->error, HasSubstr("not_available: the part that should have answered died"));
}

TEST_F(Gateway, ACancelMayComeBeforeItsTurn) {
  caf::anon_send(gateway, atom::cancel_v, turn_id{1});
  run();
  EXPECT_THAT(say(1)->error, HasSubstr("cancelled"));
  EXPECT_TRUE(log.appended.empty()) << "nothing was done for it";
  say(2);
  EXPECT_THAT(log.ordered, ElementsAre(2u));
}

TEST_F(Gateway, CancelsThatFindNoTurnAreForgottenInTime) {
  for (turn_id id = 1000; id < 1000 + (1u << 16); ++id) caf::anon_send(gateway, atom::cancel_v, id);
  caf::anon_send(gateway, atom::cancel_v, turn_id{1});
  run();
  say(1000);
  EXPECT_THAT(log.ordered, ElementsAre(1000u)) << "the oldest";
  EXPECT_THAT(say(1)->error, HasSubstr("cancelled"));
}

TEST_F(Gateway, ARefusedTurnComputedNothingAndAFailedOneMayHave) {
  log.turn_error = caf::make_error(ec::overloaded, "later");
  EXPECT_THAT(say(1)->error, HasSubstr("overloaded"));
  log.turn_error = caf::make_error(ec::not_available, "the device failed");
  say(2);
  ASSERT_EQ(log.released.size(), 2u);
  EXPECT_FALSE(log.released[0].computed);
  EXPECT_TRUE(log.released[1].computed);
}

TEST_F(Gateway, StoppingEndsTurnsRefusesOthersAndAnswersWhenAllAreSettled) {
  auto turn = say(1);
  log.settling_hangs = true;
  auto stopped = ask<std::uint32_t>(atom::stop_v, caf::timespan{0});
  EXPECT_THAT(log.cancelled, ElementsAre(1u));
  EXPECT_THAT(log.settled, ElementsAre(1u));
  EXPECT_EQ(stopped->error, "no answer") << "not before the answer is stored";
  EXPECT_THAT(say(2)->error, HasSubstr("not_available: the server is stopping"));
  go_on(registry);
  EXPECT_TRUE(turn->value) << turn->error;
  EXPECT_EQ(**stopped, 1u);
  EXPECT_EQ(**ask<std::uint32_t>(atom::stop_v, caf::timespan{0}), 0u);
}

TEST_F(Gateway, AStopMayLetTurnsGoOnForAWhile) {
  auto quick = say(1), slow = say(2);
  auto stopped = ask<std::uint32_t>(atom::stop_v, caf::timespan{std::chrono::seconds{2}});
  EXPECT_TRUE(log.cancelled.empty());
  EXPECT_THAT(say(3)->error,
              testing::AllOf(HasSubstr("not_available: the server is stopping"), HasSubstr("[retry_after_ms=")));
  coordinator.advance_time(std::chrono::seconds{1});
  run();
  EXPECT_TRUE(log.cancelled.empty());
  EXPECT_EQ(stopped->error, "no answer");
  coordinator.advance_time(std::chrono::seconds{1});
  run();
  EXPECT_THAT(log.cancelled, testing::UnorderedElementsAre(1u, 2u));
  EXPECT_TRUE(quick->value && slow->value);
  EXPECT_EQ(**stopped, 2u);
}

TEST_F(Gateway, WhoIsRefusedIsToldWhenToComeBack) {
  log.turn_error = caf::make_error(ec::overloaded, "5 turns are waiting");
  EXPECT_THAT(say(1)->error, testing::MatchesRegex("overloaded: 5 turns are waiting \\[retry_after_ms=[0-9]+\\]"));
  log.turn_error = caf::make_error(ec::no_room, "too big");
  EXPECT_EQ(say(2)->error, "no_room: too big") << "waiting would not help";
}

TEST_F(Gateway, StopStringsAreBoundedInBytes) {
  say_request request{.turn = 1, .conversation = {"tenant", "c"}, .text = "hello"};
  request.sampling.stop = {std::string(100'000, 'a')};
  EXPECT_THAT(ask<turn_statistics>(atom::say_v, request, std::shared_ptr<token_sink>{})->error,
              testing::AllOf(HasSubstr("too_large"), HasSubstr("at most 1024 bytes, this one 100000 [field=stop]")));
}

TEST_F(Gateway, EachTenantHasCountersOfItsOwn) {
  say(1);
  answer_turns();
  auto of = [&](const std::string& tenant) { return (**ask<counters>(atom::stats_v, tenant)).values[2]; };
  EXPECT_EQ(of("tenant"), (std::pair<std::string, std::int64_t>{"turns_done", 1}));
  EXPECT_EQ(of("another").second, 0);
}

TEST_F(Gateway, ForgettingErasesChunksInTheTiers) {
  bool done = false;
  system.spawn([&](caf::event_based_actor* self) {
    self->request(gateway, caf::infinite, atom::forget_v, conversation_ref{"tenant", "c"}).then([&] { done = true; });
  });
  run();
  EXPECT_TRUE(done);
  EXPECT_THAT(log.erased, ElementsAre(kv::chunk_key{1, 2}, kv::chunk_key{3, 4}));
}

TEST_F(Gateway, ForgettingTheLastPointErasesChunksInTheTiers) {
  system.spawn([&](caf::event_based_actor* self) {
    self->request(gateway, caf::infinite, atom::point_v, atom::forget_v, std::string{"tenant"}, std::string{"resp_1"})
        .then([] {});
  });
  run();
  EXPECT_EQ(log.erased, (key_list{{5, 6}}));
}

TEST_F(Gateway, ATurnSaysHowManyMessagesItGoesOnFrom) {
  say_request request{.turn = 1, .conversation = {"tenant", "c"}, .known = 4, .text = "hello"};
  auto turn = ask<turn_statistics>(atom::say_v, request, std::shared_ptr<token_sink>{});
  EXPECT_THAT(log.known, ElementsAre(4u));
  answer_turns();
  EXPECT_TRUE(turn->value) << turn->error;
}

TEST_F(Gateway, ForgettingIsAnsweredWhenTheRegistryIsDead) {
  kill(registry);
  std::string error;
  system.spawn([&](caf::event_based_actor* self) {
    self->request(gateway, caf::infinite, atom::forget_v, conversation_ref{"tenant", "c"})
        .then([] {}, [&](const caf::error& e) { error = explain(e); });
  });
  run();
  EXPECT_THAT(error, HasSubstr("not_available"));
}

TEST_F(Gateway, PagesAreBounded) {
  EXPECT_EQ((**ask<conversation_list>(atom::list_v, std::string{"tenant"}, std::string{}, ~0u)).size(), 7u);
}

TEST(ConversationHash, IsANumberThatPoliciesTakeForAConversation) {
  for (int i = 0; i < 64; ++i) EXPECT_LT(hash_of({"tenant", std::to_string(i)}), std::uint64_t{1} << 63) << i;
  EXPECT_EQ(hash_of({"tenant", "talk"}), hash_of({"tenant", "talk", "salt"}));
}

}  // namespace
}  // namespace chromatin::test

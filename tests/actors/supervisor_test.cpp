#include "actors/supervisor.hpp"

#include <sstream>

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "actors/telemetry.hpp"
#include "tests/actors/world.hpp"

namespace chromatin::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// A supervisor of this part, which some actor plays.
class supervised {
 public:
  supervised(world& w, const std::string& part, part_care care) : w_{w}, part_{part} {
    auto fatal = [this](const std::string& which, const std::string& why) { lost = which + ' ' + why; };
    supervisor_ =
        w.system.spawn(chromatin::supervisor, std::map<std::string, part_care>{{part, std::move(care)}}, fatal);
  }
  ~supervised() { caf::anon_send_exit(supervisor_, caf::exit_reason::user_shutdown); }

  void watch(const caf::strong_actor_ptr& actor) {
    caf::anon_send(supervisor_, atom::attach_v, part_, actor);
    w_.run();
  }
  /// What a command of an operator was answered: an error's text, or nothing.
  template <class Verb>
  std::string by_hand(Verb verb, const std::string& part) {
    std::string error = "no answer";
    w_.system.spawn([&](caf::event_based_actor* self) {
      self->request(supervisor_, caf::infinite, verb, part)
          .then([&] { error.clear(); }, [&](const caf::error& e) { error = explain(e); });
    });
    w_.drain();
    return error;
  }
  std::int64_t counter(const std::string& name) { return w_.counter(supervisor_, part_ + name); }
  std::vector<std::string> notes() {
    counters all;
    w_.system.spawn([&](caf::event_based_actor* self) {
      self->request(supervisor_, caf::infinite, atom::stats_v).then([&](const counters& c) { all = c; });
    });
    w_.drain();
    return all.notes;
  }

  std::string lost;  ///< what was fatal

 private:
  world& w_;
  std::string part_;
  supervisor_actor supervisor_;
};

caf::strong_actor_ptr stand_in(world& w) {
  return erased(w.system.spawn(chromatin::prefetcher, 3u, 4u, caf::timespan{}));
}

TEST(Supervisor, ADeadTierIsStartedAgainAndTurnsUseItAgain) {
  world w{{.device_chunks = 8, .host_chunks = 8}};
  int restarts = 0;
  auto start = [&] {
    ++restarts;
    w.spawn_host();
    return erased(w.host);
  };
  supervised s{w, "host-tier", {.start = start, .leave = [] {}}};
  s.watch(erased(w.host));
  w.talk("c", "Is there a pharmacy that is open now near the station?");
  for (int death = 1; death <= 3; ++death) {
    w.kill(erased(w.host));
    w.run();
    EXPECT_EQ(restarts, death);
    w.talk("c", "And tomorrow?");
    EXPECT_GT(w.counter(w.host, "stored_chunks"), 0);
  }
  EXPECT_EQ(s.counter("_restarts"), 3);
  EXPECT_EQ(s.counter("_up"), 1);
}

TEST(Supervisor, ADeathAndAReturnAreALineEachInTheLog) {
  std::ostringstream log;
  auto before = spdlog::default_logger();
  auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log);
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink));
  {
    world w;
    supervised s{w, "prefetcher", {.start = [&] { return erased(w.prefetcher); }, .leave = [] {}}};
    auto victim = stand_in(w);
    s.watch(victim);
    w.kill(victim);
    w.run();
  }
  spdlog::set_default_logger(before);
  EXPECT_THAT(log.str(), HasSubstr("prefetcher died"));
  EXPECT_THAT(log.str(), HasSubstr("prefetcher is back"));
}

TEST(Supervisor, ThePauseBeforeAStartDoublesAndOldDeathsAreForgotten) {
  world w;
  supervised s{w, "part", {.start = [&] { return stand_in(w); }, .leave = [] {}, .within = std::chrono::minutes{2}}};
  auto die = [&] {
    auto begin = w.system.clock().now();
    auto victim = stand_in(w);
    s.watch(victim);
    w.kill(victim);
    w.run();
    return w.system.clock().now() - begin;
  };
  auto first = die(), second = die(), third = die();
  EXPECT_GE(second, 2 * first);
  EXPECT_GE(third, 2 * second);
  w.scheduler_thread.advance_time(std::chrono::minutes{3});
  EXPECT_EQ(die(), first);
}

TEST(Supervisor, APartThatDiesTooOftenIsTakenOutAndTriedUntilItStarts) {
  world w;
  int failures = 4, left = 0;
  auto start = [&]() -> caf::expected<caf::strong_actor_ptr> {
    if (failures-- > 0) return caf::make_error(ec::store_failed, std::string{"the disk does not answer"});
    return stand_in(w);
  };
  supervised s{w, "part", {.start = start, .leave = [&] { ++left; }, .deaths_max = 2}};
  auto victim = stand_in(w);
  s.watch(victim);
  w.kill(victim);
  w.drain();
  ASSERT_EQ(s.notes().size(), 1u);
  EXPECT_THAT(s.notes()[0], HasSubstr("part is started again"));
  for (int n = 0; n < 2; ++n) w.scheduler_thread.trigger_timeout(), w.drain();
  EXPECT_EQ(left, 1);
  EXPECT_THAT(s.notes().at(0),
              HasSubstr("part is out, and tried now and then: store_failed: the disk does not answer"));
  w.run();
  EXPECT_EQ(failures, -1);
  EXPECT_EQ(left, 1) << "once is enough";
  EXPECT_EQ(s.counter("_up"), 1);
  EXPECT_TRUE(s.notes().empty());
}

TEST(Supervisor, APartWhoseBudgetIsSpentAndThatTurnsNeedIsFatal) {
  world w;
  supervised s{w, "executor", {.start = [&] { return stand_in(w); }, .leave = nullptr, .deaths_max = 2}};
  for (int death = 0; death < 3; ++death) {
    EXPECT_EQ(s.lost, "");
    auto victim = stand_in(w);
    s.watch(victim);
    w.kill(victim);
    w.run();
  }
  EXPECT_THAT(s.lost, HasSubstr("executor died 3 times"));
}

TEST(Supervisor, APartThatIsTakenOutByHandStaysAwayUntilItIsPutBack) {
  world w;
  int started = 0, left = 0;
  auto start = [&] {
    ++started;
    return stand_in(w);
  };
  supervised s{w, "disk-tier", {.start = start, .leave = [&] { ++left; }}};
  auto part = stand_in(w);
  s.watch(part);
  EXPECT_EQ(s.by_hand(atom::detach_v, "disk-tier"), "");
  w.run();
  EXPECT_EQ(left, 1);
  EXPECT_EQ(started, 0);
  EXPECT_THAT(s.notes().at(0), HasSubstr("disk-tier is out: an operator took it out"));
  EXPECT_EQ(s.by_hand(atom::attach_v, "disk-tier"), "");
  EXPECT_EQ(s.by_hand(atom::attach_v, "disk-tier"), "") << "it is there already";
  w.run();
  EXPECT_EQ(started, 1);
  EXPECT_EQ(s.counter("_up"), 1);
  EXPECT_THAT(s.by_hand(atom::detach_v, "disk"), AllOf(HasSubstr("`disk`"), HasSubstr("these can: disk-tier")));
}

TEST(Supervisor, APartThatWaitsForItsStartCanBePutBackAtOnce) {
  world w;
  int started = 0;
  auto start = [&] {
    ++started;
    return stand_in(w);
  };
  supervised s{w, "part", {.start = start, .leave = [] {}}};
  auto victim = stand_in(w);
  s.watch(victim);
  w.kill(victim);
  w.drain();
  EXPECT_EQ(s.by_hand(atom::attach_v, "part"), "");
  EXPECT_EQ(started, 1);
  w.run();
  EXPECT_EQ(started, 1) << "the start that was due is not";
}

TEST(Supervisor, APartThatNobodyCanStartIsFatalAndNamed) {
  world w;
  supervised s{w, "part", {.start = [&] { return stand_in(w); }, .leave = [] {}}};
  auto supervisor = w.system.spawn(chromatin::supervisor, std::map<std::string, part_care>{},
                                   [&](const std::string& part, const std::string& why) { s.lost = part + ' ' + why; });
  caf::anon_send(supervisor, atom::attach_v, std::string{"registry"}, erased(w.registry));
  w.run();
  w.kill(erased(w.registry));
  w.run();
  EXPECT_TRUE(s.lost.starts_with("registry died")) << s.lost;
  caf::anon_send_exit(supervisor, caf::exit_reason::user_shutdown);
}

/// The texts of four turns at one time, the executor being killed after so many messages; negative: never.
std::vector<std::string> answers(int moment) {
  world w{{.device_chunks = 12, .batch_max = 3, .temperature = 1}};
  supervised s{w, "executor", {.start = [&] { return w.spawn_executor(), erased(w.executor); }, .leave = nullptr}};
  s.watch(erased(w.executor));
  std::vector<turn_id> turns;
  for (int c = 0; c < 4; ++c)
    turns.push_back(w.say("c" + std::to_string(c), "Book me a table for four at seven, please.", 60));
  for (int n = 0; n < moment; ++n) w.step();
  if (moment >= 0) w.kill(erased(w.executor));
  w.run();
  std::vector<std::string> texts;
  for (auto turn : turns) {
    EXPECT_EQ(w.outcome(turn).error, "") << moment;
    texts.push_back(w.outcome(turn).text);
  }
  EXPECT_EQ(w.counter(w.device, "turns_with_pages"), 0);
  EXPECT_EQ(w.counter(w.device, "saves_waiting"), 0);
  return texts;
}

TEST(Supervisor, WhenAnExecutorDiesItsTurnsGoOnWithTheNextAsIfNothingHadHappened) {
  auto undisturbed = answers(-1);
  for (int moment = 0; moment < 400; moment += 17) EXPECT_EQ(answers(moment), undisturbed) << moment;
}

TEST(Supervisor, ATurnInWhoseStepsTheExecutorDiesTwiceIsRefusedAndTheNextIsServed) {
  for (bool throws : {true, false})
    for (std::uint32_t deaths : {1u, 2u}) {
      world w;
      supervised s{w, "executor", {.start = [&] { return w.spawn_executor(), erased(w.executor); }, .leave = nullptr}};
      s.watch(erased(w.executor));
      (throws ? w.backend->faults.begins_throw : w.backend->faults.layers_fail) =
          throws ? deaths : (deaths - 1) * w.geometry.layers + 1;  // all layers of the step before
      auto id = w.say("c", "Is there a pharmacy near the station?");
      w.run();
      if (deaths == 1)
        EXPECT_EQ(w.outcome(id).error, "");
      else
        EXPECT_THAT(w.outcome(id).error, AllOf(HasSubstr("not_available"), HasSubstr("tried twice")));
      w.talk("d", "And a bakery?");
      EXPECT_EQ(s.counter("_restarts"), deaths);
    }
}

TEST(Telemetry, TellsWhatEachTierHasFromTheTopDown) {
  world w;
  auto telemetry = w.system.spawn(chromatin::telemetry);
  caf::anon_send(telemetry, atom::attach_v, std::string{"device-tier"}, chunk_holder_actor{w.device});
  caf::anon_send(telemetry, atom::attach_v, std::string{"host-tier"}, chunk_holder_actor{w.host});
  w.talk("a", "I need a taxi to the airport for four people at six in the morning, and a call before that, please.");
  key_list keys;
  chunk_places places;
  w.system.spawn([&](caf::event_based_actor* self) {
    self->request(w.registry, caf::infinite, atom::lookup_v, conversation_ref{"tenant", "a"})
        .then([&, self](const key_list& found) {
          keys = found;
          keys.push_back({7, 7});
          self->request(telemetry, caf::infinite, atom::lookup_v, keys).then([&](const chunk_places& p) {
            places = p;
          });
        });
  });
  w.run();
  ASSERT_EQ(places.size(), 2u);
  EXPECT_EQ(places[0].tier, "device-tier");
  EXPECT_EQ(places[1].tier, "host-tier");
  ASSERT_GT(keys.size(), 1u);
  presence_list expected(keys.size(), chunk_presence::here);
  expected.back() = chunk_presence::absent;
  EXPECT_EQ(places[0].chunks, expected);
  EXPECT_EQ(places[1].chunks, expected);
  caf::anon_send_exit(telemetry, caf::exit_reason::user_shutdown);
}

TEST(Telemetry, GathersEveryPartAndLeavesOutTheDead) {
  world w;
  auto telemetry = w.system.spawn(chromatin::telemetry);
  auto victim = w.system.spawn(chromatin::prefetcher, 3u, 4u, caf::timespan{});
  caf::anon_send(telemetry, atom::attach_v, std::string{"scheduler"}, erased(w.scheduler));
  caf::anon_send(telemetry, atom::attach_v, std::string{"victim"}, erased(victim));
  w.run();
  w.kill(erased(victim));
  std::vector<counters> parts;
  w.system.spawn([&](caf::event_based_actor* self) {
    self->request(telemetry, caf::infinite, atom::stats_v).then([&](const std::vector<counters>& p) { parts = p; });
  });
  w.run();
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].part, "scheduler");
  caf::anon_send_exit(telemetry, caf::exit_reason::user_shutdown);
}

}  // namespace
}  // namespace chromatin::test

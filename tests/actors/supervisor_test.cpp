#include "actors/supervisor.hpp"

#include <sstream>

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "actors/telemetry.hpp"
#include "tests/actors/world.hpp"

namespace chromatin::test {
namespace {

caf::strong_actor_ptr erased(const auto& actor) { return caf::actor_cast<caf::strong_actor_ptr>(actor); }

TEST(Supervisor, ADeadTierIsStartedAgainAndTurnsUseItAgain) {
  world w{{.device_chunks = 8, .host_chunks = 8}};
  int restarts = 0;
  auto supervisor = w.system.spawn(chromatin::supervisor,
                                   std::map<std::string, restart>{{"host-tier",
                                                                   [&] {
                                                                     ++restarts;
                                                                     w.spawn_host();
                                                                     return erased(w.host);
                                                                   }}},
                                   std::function<void(const std::string&)>{});
  caf::anon_send(supervisor, atom::attach_v, std::string{"host-tier"}, erased(w.host));
  w.talk("c", "Is there a pharmacy that is open now near the station?");
  for (int death = 1; death <= 3; ++death) {
    w.kill(erased(w.host));
    w.run();
    EXPECT_EQ(restarts, death);
    w.talk("c", "And tomorrow?");
    EXPECT_GT(w.counter(w.host, "stored_chunks"), 0);
  }
  EXPECT_EQ(w.counter(supervisor, "host-tier_restarts"), 3);
  EXPECT_EQ(w.counter(supervisor, "host-tier_up"), 1);
  caf::anon_send_exit(supervisor, caf::exit_reason::user_shutdown);
}

TEST(Supervisor, ADeathAndAReturnAreALineEachInTheLog) {
  std::ostringstream log;
  auto before = spdlog::default_logger();
  auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log);
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink));
  {
    world w;
    auto supervisor = w.system.spawn(
        chromatin::supervisor, std::map<std::string, restart>{{"prefetcher", [&] { return erased(w.prefetcher); }}},
        std::function<void(const std::string&)>{});
    auto victim = w.system.spawn(chromatin::prefetcher, 3u, 4u);
    caf::anon_send(supervisor, atom::attach_v, std::string{"prefetcher"}, erased(victim));
    w.run();
    w.kill(erased(victim));
    w.run();
    caf::anon_send_exit(supervisor, caf::exit_reason::user_shutdown);
  }
  spdlog::set_default_logger(before);
  EXPECT_THAT(log.str(), testing::HasSubstr("prefetcher died"));
  EXPECT_THAT(log.str(), testing::HasSubstr("prefetcher is back"));
}

TEST(Supervisor, ThePauseBeforeARestartDoubles) {
  world w;
  auto supervisor = w.system.spawn(chromatin::supervisor,
                                   std::map<std::string, restart>{{"prefetcher", [&] { return erased(w.prefetcher); }}},
                                   std::function<void(const std::string&)>{});
  auto die = [&] {
    auto begin = w.system.clock().now();
    auto victim = w.system.spawn(chromatin::prefetcher, 3u, 4u);
    caf::anon_send(supervisor, atom::attach_v, std::string{"prefetcher"}, erased(victim));
    w.run();
    w.kill(erased(victim));
    w.run();
    return w.system.clock().now() - begin;
  };
  auto first = die(), second = die();
  EXPECT_GE(second, 2 * first);
  caf::anon_send_exit(supervisor, caf::exit_reason::user_shutdown);
}

TEST(Supervisor, APartWithoutWhichNothingRunsIsFatalAndNamed) {
  world w;
  std::string fatal;
  auto supervisor =
      w.system.spawn(chromatin::supervisor, std::map<std::string, restart>{},
                     std::function<void(const std::string&)>{[&](const std::string& what) { fatal = what; }});
  caf::anon_send(supervisor, atom::attach_v, std::string{"executor"}, erased(w.executor));
  w.run();
  w.kill(erased(w.executor));
  auto id = w.say("c", "hello");
  w.run();
  EXPECT_TRUE(fatal.starts_with("executor died")) << fatal;
  EXPECT_TRUE(w.outcome(id).done);
  EXPECT_TRUE(w.outcome(id).error.starts_with("not_available")) << w.outcome(id).error;
  caf::anon_send_exit(supervisor, caf::exit_reason::user_shutdown);
}

TEST(Telemetry, GathersEveryPartAndLeavesOutTheDead) {
  world w;
  auto telemetry = w.system.spawn(chromatin::telemetry);
  auto victim = w.system.spawn(chromatin::prefetcher, 3u, 4u);
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

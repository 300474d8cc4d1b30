#include "actors/gentle.hpp"

#include <chrono>
#include <ctime>
#include <thread>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "actors/keeper.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::test {
namespace {

using std::chrono::milliseconds;

/// What this thread went through while it computed.
struct computation {
  long sleeps = 0;       ///< how often it gave the processor away of itself
  bool starved = false;  ///< others had the processor most of the time: then it need not sleep
};

milliseconds time_on(::clockid_t clock) {
  ::timespec now{};
  ::clock_gettime(clock, &now);
  return milliseconds{now.tv_sec * 1'000 + now.tv_nsec / 1'000'000};
}

long sleeps_so_far() {
  ::rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  return used.ru_nvcsw;
}

/// Computes for so long, or until it has slept so often.
computation compute(milliseconds most, long enough) {
  const auto before = sleeps_so_far();
  const auto computed = time_on(CLOCK_THREAD_CPUTIME_ID), began = time_on(CLOCK_MONOTONIC);
  milliseconds so_far{0};
  computation seen;
  while (so_far < most && seen.sleeps < enough) {
    so_far = time_on(CLOCK_THREAD_CPUTIME_ID) - computed;
    seen.sleeps = sleeps_so_far() - before;
  }
  seen.starved = so_far * 4 < time_on(CLOCK_MONOTONIC) - began;
  return seen;
}

/// Of 500 stints in a twentieth of a second. Somebody else's load makes stints longer, so that many may take a while.
constexpr long many_sleeps = 10, few_sleeps = 3;

void expect_many_sleeps() {
  const auto seen = compute(milliseconds{1'000}, many_sleeps);
  if (seen.sleeps < many_sleeps && seen.starved) GTEST_SKIP() << "this machine has too much else to do";
  EXPECT_GE(seen.sleeps, many_sleeps);
}

void expect_few_sleeps() { EXPECT_LE(compute(milliseconds{50}, many_sleeps).sleeps, few_sleeps); }

/// One that sees how its thread works.
class seeing_laboratory final : public archive::laboratory {
 public:
  bool simulated() const override { return true; }
  archive::lab_times usual() const override { return {}; }
  void order(const archive::synthesis_order&, archive::lab_time) override {}
  void order(const archive::sequencing_order&, archive::lab_time) override {}
  archive::lab_answer look(std::string_view, archive::lab_time) override {
    in_stints = short_stints::here();
    return {};
  }
  void read(std::string_view, archive::lab_time, const std::function<void(const dna::read&)>&) override {}

  bool in_stints = false;
};

TEST(Gentle, SleepsBetweenStintsThatAreShort) {
  std::thread{[] {
    const short_stints stints;
    expect_many_sleeps();
  }}.join();
}

TEST(Gentle, WorksOnAsUsualAfterwards) {
  std::thread{[] {
    { const short_stints stints; }
    expect_few_sleeps();
    const short_stints again;
    expect_many_sleeps();
  }}.join();
}

TEST(Gentle, OneThreadsStintsAreNotAnothers) {
  std::thread{[] {
    const short_stints stints;
    std::thread{[] { expect_few_sleeps(); }}.join();
  }}.join();
}

bool keeper_works_in_stints(bool gentle) {
  temporary_folder folder;
  const auto lab = std::make_shared<seeing_laboratory>();
  caf::actor_system_config config;
  caf::actor_system system{config};
  {
    caf::scoped_actor self{system};
    const auto keeper = system.spawn<caf::detached>(
        chromatin::keeper, std::make_shared<archive::keeper>(archive::keeper_options{.folder = folder.path()}, lab),
        world_clock(), gentle);
    self->request(keeper, caf::infinite, atom::lookup_v, job_list{archive_job{}})
        .receive([](const lab_answers& all) { EXPECT_EQ(all.size(), 1U); },
                 [](const caf::error& error) { ADD_FAILURE() << explain(error); });
    caf::anon_send_exit(keeper, caf::exit_reason::user_shutdown);
  }
  return lab->in_stints;
}

TEST(Gentle, AnArchivesKeeperWorksInShortStints) { EXPECT_TRUE(keeper_works_in_stints(true)); }

TEST(Gentle, AKeeperThatSharesItsThreadDoesNot) { EXPECT_FALSE(keeper_works_in_stints(false)); }

}  // namespace
}  // namespace chromatin::test

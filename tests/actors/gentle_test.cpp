#include "actors/gentle.hpp"

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

/// How often this thread gave the processor away of itself while it computed for a twentieth of a second.
long sleeps_of_work() {
  const auto sleeps = [] {
    ::rusage used{};
    ::getrusage(RUSAGE_THREAD, &used);
    return used.ru_nvcsw;
  };
  const auto before = sleeps();
  const auto computed = [] {
    ::timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1'000 + now.tv_nsec / 1'000'000;
  };
  for (const auto end = computed() + 50; computed() < end;) continue;
  return sleeps() - before;
}

constexpr long many_sleeps = 10, few_sleeps = 3;  // of 500 stints; what somebody else's load makes longer

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
    EXPECT_GE(sleeps_of_work(), many_sleeps);
  }}.join();
}

TEST(Gentle, WorksOnAsUsualAfterwards) {
  std::thread{[] {
    { const short_stints stints; }
    EXPECT_LE(sleeps_of_work(), few_sleeps);
    const short_stints again;
    EXPECT_GE(sleeps_of_work(), many_sleeps);
  }}.join();
}

TEST(Gentle, OneThreadsStintsAreNotAnothers) {
  std::thread{[] {
    const short_stints stints;
    std::thread{[] { EXPECT_LE(sleeps_of_work(), few_sleeps); }}.join();
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

// What follows what, and what a process that starts has to do.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/synthesis_more.hpp"
#include "tests/archive/grown.hpp"

namespace chromatin::archive {
namespace {

using testing::HasSubstr;

const lab_time job_time{std::chrono::seconds{1'700'000'000}}, job_time_later = job_time + std::chrono::hours{1};

lab_answer of(lab_progress progress) { return {progress, {}, {}}; }
const std::vector<lab_progress> all_progress{lab_progress::unknown, lab_progress::under_way, lab_progress::done,
                                             lab_progress::refused};

std::vector<next_step> steps(const archive_job& job) {
  std::vector<next_step> all;
  for (auto progress : all_progress) all.push_back(step_of(job, of(progress)));
  return all;
}
std::vector<next_step> always(next_step step) { return std::vector<next_step>(all_progress.size(), step); }

archive_job a_planned_one() {
  auto job = plan_archive(talk, 7, job_time);
  job.tube = "tube";
  return job;
}
archive_job an_ordered_one() { return ordered(a_planned_one(), 8, 3, "tube-order-1", job_time); }
archive_job a_recall() {
  return ask_recall(stored(reading(an_ordered_one(), "check-1", 500, job_time), job_time), job_time);
}
archive_job a_sequencing_one() { return reading(a_recall(), "recall-1", 500, job_time); }
const shortage lacking_strands{{{12, 0}, {12, 1}, {13, 0}, {14, 0}}, 900};

TEST(ArchiveJob, WhatAnArchiveStillHasToDo) {
  auto job = a_planned_one();
  EXPECT_EQ(awaited_order(job), "");
  EXPECT_EQ(steps(job), always(next_step::write_frame));
  job = ordered(job, 8, 3, "tube-order-1", job_time_later);
  EXPECT_EQ(job.version, 8U) << "it went on before it was written";
  EXPECT_EQ(job.changed_s, job_time_later.time_since_epoch().count());
  EXPECT_EQ(awaited_order(job), "tube-order-1");
  EXPECT_THAT(steps(job), testing::ElementsAre(next_step::order_strands, next_step::wait, next_step::plan_reads,
                                               next_step::refused));
  job = reading(job, "check-1", 500, job_time_later);
  EXPECT_EQ(job.state, archive_state::ordered);
  EXPECT_EQ(awaited_order(job), "check-1");
  EXPECT_THAT(steps(job),
              testing::ElementsAre(next_step::order_reads, next_step::wait, next_step::decode, next_step::refused));
  job = stored(job, job_time_later);
  EXPECT_EQ(awaited_order(job), "");
  EXPECT_EQ(steps(job), always(next_step::nothing));
}

TEST(ArchiveJob, WhatARecallStillHasToDo) {
  auto job = a_recall();
  EXPECT_EQ(job.version, 8U) << "it comes back at the version that was stored";
  EXPECT_TRUE(job.sequencing.empty());
  EXPECT_EQ(steps(job), always(next_step::plan_reads));
  job = reading(job, "recall-1", 500, job_time);
  EXPECT_EQ(job.state, archive_state::sequencing);
  EXPECT_THAT(steps(job),
              testing::ElementsAre(next_step::order_reads, next_step::wait, next_step::decode, next_step::refused));
  const byte_string file{1, 2, 3};
  job = decoded(job, file, job_time);
  EXPECT_EQ(job.content.size(), 3U);
  EXPECT_EQ(steps(job), always(next_step::settle));
  job = settled(job, job_time);
  EXPECT_TRUE(job.content.empty());
  EXPECT_EQ(steps(job), always(next_step::nothing));
}

TEST(ArchiveJob, TooFewReadsAreNamedAndMoreAreOrdered) {
  for (auto job : {a_sequencing_one(), reading(an_ordered_one(), "check-1", 500, job_time)}) {
    const auto state = job.state;
    job = short_of(job, lacking_strands, job_time);
    EXPECT_EQ(job.missing.size(), 4U);
    EXPECT_EQ(job.missing[1], (io::missing_block{12, 1}));
    EXPECT_EQ(job.reads_more, 900U);
    EXPECT_EQ(steps(job), always(next_step::plan_reads)) << "the last order has come to its end";
    job = reading(job, "again", job.reads_more, job_time);
    EXPECT_EQ(job.state, state);
    EXPECT_EQ(job.reads, 1400U);
    EXPECT_EQ(job.sequencing.size(), 2U) << "what was read before counts on";
    EXPECT_TRUE(job.missing.empty());
    EXPECT_EQ(step_of(job, of(lab_progress::done)), next_step::decode);
  }
}

TEST(ArchiveJob, AfterSomeOrdersItStopsUntilSomebodySaysSo) {
  auto job = a_sequencing_one();
  for (std::size_t i = 1; i < orders_max; ++i) {
    job = short_of(job, lacking_strands, job_time);
    ASSERT_EQ(job.failure, "");
    job = reading(job, "again-" + std::to_string(i), job.reads_more, job_time);
  }
  job = short_of(job, lacking_strands, job_time);
  EXPECT_EQ(steps(job), always(next_step::stop));
  EXPECT_EQ(job.failure,
            "after 3200 reads in 4 orders 4 blocks are missing, 900 more reads may bring them: leaf 12 version 0, leaf "
            "12 version 1, leaf 13 version 0 and 1 more");
  job = resumed(job, job_time);
  EXPECT_EQ(steps(job), always(next_step::plan_reads));
  job = reading(job, "once-more", job.reads_more, job_time);
  EXPECT_EQ(job.sequencing.size(), orders_max + 1);
}

TEST(ArchiveJob, BlocksThatAreNotInTheTubeAreNotWaitedFor) {
  auto job = short_of(a_sequencing_one(), {{{12, 0}}, 0}, job_time);
  EXPECT_EQ(steps(job), always(next_step::stop));
  EXPECT_THAT(job.failure, HasSubstr("1 blocks are not in the tube tube: leaf 12 version 0"));
  EXPECT_EQ(step_of(resumed(job, job_time), of(lab_progress::done)), next_step::decode);
}

TEST(ArchiveJob, WhatAnArchiveLacksIsSynthesisedOnceMoreAndReadAgain) {
  auto job = reading(an_ordered_one(), "check-1", 500, job_time);
  job.number = 9;
  for (std::uint32_t times = 1; times <= syntheses_more_max; ++times) {
    job = short_of(job, {{{12, 0}}, 0}, job_time);
    EXPECT_EQ(job.failure, "");
    EXPECT_EQ(job.state, archive_state::ordered) << "its copy is still on the disk";
    EXPECT_EQ(syntheses_more(job), times);
    EXPECT_EQ(awaited_order(job), "tube-more-9-" + std::to_string(times));
    EXPECT_EQ(job.missing, (std::vector<io::missing_block>{{12, 0}})) << "tells what is to be synthesised";
    EXPECT_THAT(steps(job), testing::ElementsAre(next_step::order_strands, next_step::wait, next_step::plan_reads,
                                                 next_step::refused));
    EXPECT_EQ(resumed(failed(job, "the house is closed", job_time), job_time).missing, job.missing);
    job = reading(job, "check-more-" + std::to_string(times), 500, job_time);
    EXPECT_EQ(step_of(job, of(lab_progress::done)), next_step::decode);
  }
  EXPECT_EQ(steps(short_of(job, {{{12, 0}}, 0}, job_time)), always(next_step::stop));
}

TEST(ArchiveJob, AFailureStopsItWhereItIsAndResumingGoesOnThere) {
  for (auto job :
       {a_planned_one(), an_ordered_one(), a_sequencing_one(), decoded(a_sequencing_one(), byte_string{1}, job_time)}) {
    const auto before = steps(job);
    auto stopped = failed(job, "the house makes no strands of 150 nt", job_time);
    EXPECT_EQ(stopped.state, job.state);
    EXPECT_EQ(steps(stopped), always(next_step::stop));
    EXPECT_EQ(steps(resumed(stopped, job_time)), before);
  }
}

TEST(ArchiveJob, TheCopyOnTheDiskGoesOnlyAfterItWasReadBackAndNothingWasSaidSince) {
  auto job = a_planned_one();
  EXPECT_FALSE(copy_may_go(job, 8));
  job = ordered(job, 8, 3, "tube-order-1", job_time);
  EXPECT_FALSE(copy_may_go(job, 8));
  job = reading(job, "check-1", 500, job_time);
  EXPECT_FALSE(copy_may_go(job, 8));
  job = stored(job, job_time);
  EXPECT_TRUE(copy_may_go(job, 8));
  EXPECT_FALSE(copy_may_go(job, 9));
}

TEST(ArchiveJobDeath, WhatCannotFollowEndsTheProcess) {
  const auto planned = a_planned_one();
  EXPECT_DEATH(stored(planned, job_time), "follow each other");
  EXPECT_DEATH(stored(an_ordered_one(), job_time), "what is stored was read");
  EXPECT_DEATH(decoded(a_recall(), byte_string{}, job_time), "follow each other");
  EXPECT_DEATH(settled(a_sequencing_one(), job_time), "follow each other");
  EXPECT_DEATH(reading(a_sequencing_one(), "twice", 1, job_time), "when the last ones did not do");
  EXPECT_DEATH(ordered(planned, 7, 1, "no name", job_time), "a laboratory takes");
  EXPECT_DEATH(ordered(plan_archive(talk, 7, job_time), 7, 1, "tube-order-1", job_time), "has its name");
  EXPECT_DEATH(ask_recall(an_ordered_one(), job_time), "follow each other");
}

}  // namespace
}  // namespace chromatin::archive

// A conversation goes into DNA and comes back, whenever the process ends on the way.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/archive/clerk.hpp"
#include "tests/archive/grown.hpp"

namespace chromatin::archive {
namespace {

const io::conversation_key talk{"tenant", "talk"}, other{"tenant", "other"};

archived_conversation grown(std::uint64_t seed, int turns) {
  growing_conversation conversation{seed};
  for (int i = 0; i < turns; ++i) conversation.turn();
  return conversation.now;
}

std::optional<archive_job> job_of(clerk& at, const io::conversation_key& key, bool recall) {
  for (const auto& job : at.registry->archives().jobs_of(key).jobs)
    if ((job.state >= archive_state::asked) == recall) return job;
  return {};
}

/// From wherever the registry says that it is, to the end: into DNA, off the disk, and back.
void live(clerk& at, lab_time now) {
  auto archive = job_of(at, talk, false);
  if (!archive) at.add(plan_archive(talk, at.registry->find(talk)->version, "tube", now));
  EXPECT_EQ(at.run(job_of(at, talk, false)->number), next_step::nothing);
  if (!job_of(at, talk, true)) {
    at.drop_copy(talk);
    EXPECT_FALSE(at.registry->find(talk));
    at.add(ask_recall(talk, "tube", now));
  }
  EXPECT_EQ(at.run(job_of(at, talk, true)->number), next_step::nothing);
}

void expect_as_before(clerk& at, const archived_conversation& before) {
  ASSERT_TRUE(at.registry->find(talk));
  EXPECT_TRUE(copy_of(*at.registry, talk).value() == before);
  EXPECT_EQ(job_of(at, talk, false)->state, archive_state::stored);
  EXPECT_EQ(job_of(at, talk, true)->state, archive_state::settled);
}

TEST(Lifecycle, AProcessThatEndsAnywhereGoesOnWhereItWas) {
  const auto said = grown(5, 2);
  long moments = 0;
  int orders = 0;
  std::size_t strands = 0;
  for (long end = -1; end < moments; ++end) {
    SCOPED_TRACE("it ends before moment " + std::to_string(end));
    outside world;
    {
      clerk at{world};
      put_back(*at.registry, talk, 1, said, {});
    }
    world.lasting_until_end = end;
    try {
      clerk at{world};
      live(at, world.now);
      EXPECT_EQ(end, -1);
    } catch (const process_end&) {
    }
    world.lasting_until_end = -1;
    clerk at{world};
    if (end == -1) {
      moments = world.moments;
      orders = world.orders;
      strands = at.tube.strand_count();
      ASSERT_GT(moments, 20);
    } else {
      live(at, world.now);
    }
    expect_as_before(at, said);
    EXPECT_EQ(world.orders, orders) << "nothing is ordered twice";
    EXPECT_EQ(at.tube.strand_count(), strands) << "and no molecule is made twice";
  }
}

TEST(Lifecycle, NewTurnsOfAnArchivedConversationAreAnUpdateOfWhatIsInTheTube) {
  outside world;
  clerk at{world};
  growing_conversation conversation{6};
  conversation.turn();
  put_back(*at.registry, other, 1, grown(7, 3), {});
  at.run(at.add(plan_archive(other, 1, "tube", world.now)));
  put_back(*at.registry, talk, 1, conversation.now, {});
  at.run(at.add(plan_archive(talk, 1, "tube", world.now)));
  const auto before = at.tube.strand_count();
  conversation.turn();
  at.registry->write(
      talk, 1,
      {1, {conversation.now.messages.end() - 2, conversation.now.messages.end()}, conversation.now.window, true});
  const auto number = at.add(plan_archive(talk, 2, "tube", world.now));
  EXPECT_FALSE(at.registry->archives().drop_copy(talk)) << "this version is not stored yet";
  EXPECT_EQ(at.run(number), next_step::nothing);
  EXPECT_LT(at.tube.strand_count() - before, before);
  at.drop_copy(talk);
  ASSERT_FALSE(at.registry->find(talk));
  at.run(at.add(ask_recall(talk, "tube", world.now)));
  EXPECT_TRUE(copy_of(*at.registry, talk).value() == conversation.now);
}

TEST(Lifecycle, AnOrderIsFoundByWhatWasWrittenAndNotByWhatCameLast) {
  outside world;
  clerk at{world};
  at.tube.put(std::vector<dna::new_file>{{"a/transcript", {1, 2, 3}}});
  EXPECT_EQ(order_with(at.tube, "a/transcript"), 0U);
  at.tube.mark_ordered();
  at.tube.put(std::vector<dna::new_file>{{"b/transcript", {4, 5, 6}}});
  at.tube.mark_ordered();
  EXPECT_EQ(order_with(at.tube, "a/transcript"), 1U);
  EXPECT_EQ(order_with(at.tube, "b/transcript"), 2U);
  at.tube.update("a/transcript", byte_string{1, 2, 3, 4});
  EXPECT_EQ(order_with(at.tube, "a/transcript"), 0U) << "its last version is not ordered";
  at.tube.mark_ordered();
  EXPECT_EQ(order_with(at.tube, "a/transcript"), 3U);
  EXPECT_EQ(order_name("tube", 3), "tube-order-3");
  EXPECT_EQ(order_of(at.tube, "tube", "tube-order-3").strands.size(), at.tube.orders()[2].strands);
  EXPECT_EQ(order_of(at.tube, "tube", "tube-order-1").strands[0].bases, at.tube.strand(0));
  EXPECT_THROW(order_of(at.tube, "tube", "tube-order-4"), laboratory_error);
  EXPECT_THROW(order_with(at.tube, "c/transcript"), dna::partition_error);
}

TEST(Lifecycle, AForgottenConversationIsNotComeBackTo) {
  outside world;
  clerk at{world};
  put_back(*at.registry, talk, 1, grown(8, 1), {});
  at.run(at.add(plan_archive(talk, 1, "tube", world.now)));
  const auto key = at.registry->archives().find_key(talk).value();
  const auto file = at.tube.contents().get(directory_of(key) + "/transcript").content.value();
  at.registry->forget(talk);
  EXPECT_TRUE(at.registry->archives().jobs().jobs.empty());
  EXPECT_FALSE(at.registry->archives().find_key(talk));
  const sealed_transcript read{sealer{new_key(), talk}, file};
  ASSERT_TRUE(read.damage()) << "what is in the tube says nothing without its key";
  EXPECT_EQ(read.damage()->frame, 1U);
}

}  // namespace
}  // namespace chromatin::archive

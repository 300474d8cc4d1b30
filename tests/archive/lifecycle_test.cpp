// A conversation goes into DNA and comes back, whenever the process ends on the way.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/archive/grown.hpp"
#include "tests/archive/keeping.hpp"

namespace chromatin::archive {
namespace {

const io::conversation_key other_talk{"tenant", "other"};

std::optional<archive_job> job_of(process& at, const io::conversation_key& key, bool recall) {
  for (const auto& job : at.registry->archives().jobs_of(key).jobs)
    if ((job.state >= archive_state::asked) == recall) return job;
  return {};
}

/// From wherever the registry says that they are, to the end: into DNA, off the disk, and back. Both at once, and one
/// with its keys and values.
void live(outside& world, process& at) {
  const auto now = world.now;
  const std::vector both{talk, other_talk};
  std::vector<std::uint64_t> numbers;
  for (const auto& key : both) {
    const auto known = job_of(at, key, false);
    numbers.push_back(known ? known->number
                            : at.add(plan_archive(key, at.registry->find(key)->version, now, key == talk)));
  }
  at.run(numbers);
  numbers.clear();
  for (const auto& key : both) {
    const auto known = job_of(at, key, true);
    if (!known) at.drop_copy(key);
    if (!known && key == talk) world.disk.clear();
    EXPECT_TRUE(known || !at.registry->find(key));
    numbers.push_back(known ? known->number : at.add(ask_recall(job_of(at, key, false).value(), now, key == talk)));
  }
  at.run(numbers);
}

void expect_as_before(process& at, const io::conversation_key& key, const archived_conversation& before) {
  ASSERT_TRUE(at.registry->find(key));
  EXPECT_TRUE(copy_of(*at.registry, key).value() == before);
  EXPECT_EQ(job_of(at, key, false)->state, archive_state::stored);
  EXPECT_EQ(job_of(at, key, true)->state, archive_state::settled);
}

TEST(Lifecycle, AProcessThatEndsAnywhereGoesOnWhereItWas) {
  const auto said = grown(5, 1), said_elsewhere = grown(6, 1);
  long moments = 0;
  std::size_t syntheses = 0, strands = 0;
  for (long end = -1; end < moments; ++end) {
    SCOPED_TRACE("it ends before moment " + std::to_string(end));
    outside world;
    {
      process at{world};
      put_back(*at.registry, talk, 1, said, {});
      put_back(*at.registry, other_talk, 1, said_elsewhere, {});
    }
    world.compute(said);
    const auto computed = world.disk;
    world.lasting_until_end = end;
    try {
      process at{world};
      live(world, at);
      EXPECT_EQ(end, -1);
    } catch (const process_end&) {
    }
    world.lasting_until_end = -1;
    process at{world};
    if (end == -1) {
      moments = world.moments;
      syntheses = world.lab->syntheses.size();
      strands = at.work.figures().strands;
      ASSERT_GT(moments, 20);
    } else {
      live(world, at);
    }
    expect_as_before(at, talk, said);
    expect_as_before(at, other_talk, said_elsewhere);
    EXPECT_EQ(world.disk.size(), computed.size());
    for (const auto& [key, chunk] : world.disk) EXPECT_EQ(*chunk.checksums, *computed.at(key).checksums);
    EXPECT_EQ(at.work.figures().strands, strands) << "no molecule is made twice";
    EXPECT_LE(world.lab->syntheses.size(), syntheses + 1) << "both are one order, unless the end came between them";
    std::set<std::string> bases;
    std::size_t ordered = 0;
    for (const auto& order : world.lab->syntheses)
      for (const auto& strand : order.strands) ordered += bases.insert(strand.bases).second;
    EXPECT_EQ(ordered, strands) << "and each is ordered once";
  }
}

TEST(Lifecycle, NewTurnsOfAnArchivedConversationAreAnUpdateOfWhatIsInTheTube) {
  outside world;
  process at{world};
  growing_conversation conversation{6};
  conversation.turn();
  put_back(*at.registry, other_talk, 1, grown(7, 3), {});
  at.archive(other_talk);
  put_back(*at.registry, talk, 1, conversation.now, {});
  at.archive(talk);
  const auto before = at.work.figures().strands;
  conversation.turn();
  at.registry->write(
      talk, 1,
      {1, {conversation.now.messages.end() - 2, conversation.now.messages.end()}, conversation.now.window, true});
  const auto number = at.add(plan_archive(talk, 2, world.now));
  EXPECT_FALSE(at.registry->archives().drop_copy(talk)) << "this version is not stored yet";
  const auto archive = at.run(number);
  EXPECT_EQ(archive.state, archive_state::stored);
  EXPECT_LT(at.work.figures().strands - before, before);
  at.drop_copy(talk);
  ASSERT_FALSE(at.registry->find(talk));
  at.run(at.add(ask_recall(archive, world.now)));
  EXPECT_TRUE(copy_of(*at.registry, talk).value() == conversation.now);
}

TEST(Lifecycle, AForgottenConversationIsNotComeBackTo) {
  outside world;
  process at{world};
  put_back(*at.registry, talk, 1, grown(8, 1), {});
  const auto number = at.add(ask_recall(at.archive(talk), world.now));
  EXPECT_THROW(at.run(number), io::version_conflict) << "its copy is still there";
  const auto recall = at.registry->archives().find(number).value();
  ASSERT_EQ(recall.state, archive_state::decoded);
  at.registry->forget(talk);
  EXPECT_TRUE(at.registry->archives().jobs().jobs.empty());
  EXPECT_FALSE(at.registry->archives().find_key(talk));
  EXPECT_THROW(at.work.open({recall, new_key()}, world.now), frame_error)
      << "what was read says nothing without its key";
}

}  // namespace
}  // namespace chromatin::archive

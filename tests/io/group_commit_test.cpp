// The order in which chunks become durable and slots free: situations one by one, then any order of events.

#include "io/group_commit.hpp"
#include "tests/io/commit_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chromatin::io {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Carries out what `next` says, without a fault, until there is nothing to do; what was saved and refused.
struct ending {
  std::vector<kv::chunk_key> saved, refused;
};
ending settle(group_commit& g) {
  ending end;
  while (true) {
    auto t = g.next();
    end.saved.insert(end.saved.end(), t.saved.begin(), t.saved.end());
    end.refused.insert(end.refused.end(), t.refused.begin(), t.refused.end());
    if (t.writes.empty() && t.syncs.empty() && !t.commit) return end;
    for (const auto& w : t.writes) g.wrote(w.key, true);
    for (std::size_t i = 0; i < t.syncs.size(); ++i) g.synced(true);
    if (t.commit) g.committed(true);
  }
}

TEST(GroupCommit, AChunkIsDurableAfterWriteSyncAndCommitAndNotBefore) {
  group_commit g{slots(8), {}, 4};
  g.save(row(1));
  auto t = g.next();
  ASSERT_EQ(t.writes.size(), 1u);
  EXPECT_THAT(t.syncs, IsEmpty());
  g.wrote(key(1), true);
  t = g.next();
  EXPECT_THAT(t.syncs, ElementsAre(0u));
  EXPECT_FALSE(t.commit);
  EXPECT_EQ(g.find(key(1)), nullptr);
  g.synced(true);
  t = g.next();
  ASSERT_TRUE(t.commit);
  ASSERT_EQ(t.commit->added.size(), 1u);
  EXPECT_EQ(t.commit->added[0].checksums, row(1).checksums);
  EXPECT_EQ(g.find(key(1)), nullptr);
  EXPECT_EQ(g.saving(), 1u);
  g.committed(true);
  t = g.next();
  EXPECT_THAT(t.saved, ElementsAre(key(1)));
  ASSERT_NE(g.find(key(1)), nullptr);
  EXPECT_EQ(g.saving(), 0u);
}

TEST(GroupCommit, ChunksThatAreWrittenDuringACommitShareTheNext) {
  group_commit g{slots(16), {}, 16};
  g.save(row(1));
  g.next();
  g.wrote(key(1), true);
  g.next();
  for (std::uint64_t n = 2; n <= 9; ++n) g.save(row(n));
  g.next();
  for (std::uint64_t n = 2; n <= 9; ++n) {
    g.wrote(key(n), true);
    auto t = g.next();
    EXPECT_THAT(t.syncs, IsEmpty());
    EXPECT_FALSE(t.commit);
  }
  g.synced(true);
  EXPECT_EQ(g.next().commit->added.size(), 1u);
  g.committed(true);
  EXPECT_THAT(g.next().syncs, ElementsAre(0u, 1u, 2u)) << "each segment once";
  for (int i = 0; i < 3; ++i) g.synced(true);
  EXPECT_EQ(g.next().commit->added.size(), 8u);
}

TEST(GroupCommit, NoMoreChunksAreWrittenAtOnceThanAllowed) {
  group_commit g{slots(16), {}, 2};
  for (std::uint64_t n = 1; n <= 5; ++n) g.save(row(n));
  EXPECT_EQ(g.next().writes.size(), 2u);
  EXPECT_EQ(g.next().writes.size(), 0u);
  g.wrote(key(1), true);
  EXPECT_EQ(g.next().writes.size(), 1u);
}

TEST(GroupCommit, ASlotIsNotWrittenAgainBeforeTheDeletionOfItsRowIsCommitted) {
  group_commit g{slots(1), {row(1)}, 4};
  g.save(row(2));
  EXPECT_EQ(g.slots_short(), 1u);
  g.remove(key(1));
  EXPECT_EQ(g.find(key(1)), nullptr);
  EXPECT_EQ(g.slots_short(), 0u);
  auto t = g.next();
  EXPECT_THAT(t.writes, IsEmpty());
  ASSERT_TRUE(t.commit);
  EXPECT_THAT(t.commit->removed, ElementsAre(key(1)));
  EXPECT_THAT(g.next().writes, IsEmpty());
  g.committed(true);
  EXPECT_EQ(g.next().writes.size(), 1u);
}

TEST(GroupCommit, ASlotThatAGroupGivesBackIsWrittenAtOnce) {
  group_commit g{slots(1), {}, 4};
  g.save(row(1));
  g.next();
  g.wrote(key(1), true);
  EXPECT_EQ(g.next().syncs.size(), 1u);
  g.save(row(2));
  g.remove(key(1));
  EXPECT_THAT(g.next().writes, IsEmpty());
  g.synced(true);
  auto t = g.next();
  EXPECT_THAT(t.dropped, ElementsAre(key(1)));
  EXPECT_FALSE(t.commit) << "nothing is left of the group, and nothing else will happen";
  ASSERT_EQ(t.writes.size(), 1u);
  EXPECT_EQ(t.writes[0].key, key(2));
}

TEST(GroupCommit, ASlotIsNotWrittenWhileItIsRead) {
  group_commit g{slots(1), {row(1)}, 4};
  g.hold(0);
  g.hold(0);
  g.remove(key(1));
  settle(g);
  g.save(row(2));
  EXPECT_THAT(g.next().writes, IsEmpty());
  g.let_go(0);
  EXPECT_THAT(g.next().writes, IsEmpty());
  EXPECT_EQ(g.saving(), 1u) << "it waits for the slot and is not refused";
  g.let_go(0);
  EXPECT_EQ(g.next().writes.size(), 1u);
}

TEST(GroupCommit, WithoutAnySlotToComeAChunkIsRefused) {
  group_commit g{slots(1), {row(1)}, 4};
  g.save(row(2));
  EXPECT_THAT(settle(g).refused, ElementsAre(key(2)));
  EXPECT_FALSE(g.knows(key(2)));
  EXPECT_NE(g.find(key(1)), nullptr);
}

TEST(GroupCommit, AChunkWaitsForThoseThatAreOnTheirWaySinceTheyCanGoThen) {
  group_commit g{slots(1), {}, 4};
  g.save(row(1));
  g.save(row(2));
  auto t = g.next();
  EXPECT_EQ(t.writes.size(), 1u);
  EXPECT_THAT(t.refused, IsEmpty());
  g.wrote(key(1), true);
  g.next();
  g.synced(true);
  g.next();
  g.committed(true);
  EXPECT_EQ(g.slots_short(), 1u);
  g.remove(key(1));
  EXPECT_THAT(settle(g).saved, ElementsAre(key(1), key(2)));
}

TEST(GroupCommit, AWriteThatFailsGivesTheSlotBackButNotFirst) {
  group_commit g{slots(3), {}, 4};
  g.save(row(1));
  auto bad = g.next().writes.at(0).slot;
  g.wrote(key(1), false);
  EXPECT_THAT(g.next().refused, ElementsAre(key(1)));
  EXPECT_EQ(g.free_slots(), 3u);
  g.save(row(1));
  EXPECT_NE(g.next().writes.at(0).slot, bad);
}

TEST(GroupCommit, ASyncThatFailsRefusesItsWholeGroup) {
  group_commit g{slots(8), {row(9)}, 8};
  for (std::uint64_t n = 1; n <= 6; ++n) g.save(row(n));
  g.next();
  for (std::uint64_t n = 1; n <= 6; ++n) g.wrote(key(n), true);
  ASSERT_EQ(g.next().syncs.size(), 2u);
  g.remove(key(9));
  g.synced(false);
  EXPECT_FALSE(g.next().commit);
  g.synced(true);
  auto t = g.next();
  EXPECT_EQ(t.refused.size(), 6u);
  ASSERT_TRUE(t.commit);
  EXPECT_THAT(t.commit->removed, ElementsAre(key(9))) << "what came after it is";
  EXPECT_THAT(t.commit->added, IsEmpty());
  g.committed(true);
  EXPECT_EQ(g.free_slots(), 8u);
}

TEST(GroupCommit, AfterACommitThatFailedItsRowsAreDeletedBeforeTheirSlotsAreUsed) {
  group_commit g{slots(1), {}, 4};
  g.save(row(1));
  g.next();
  g.wrote(key(1), true);
  g.next();
  g.synced(true);
  ASSERT_TRUE(g.next().commit);
  g.committed(false);
  auto t = g.next();
  EXPECT_THAT(t.refused, ElementsAre(key(1)));
  EXPECT_FALSE(t.commit) << "not again and again";
  g.save(row(2));
  t = g.next();
  EXPECT_THAT(t.writes, IsEmpty());
  ASSERT_TRUE(t.commit);
  EXPECT_THAT(t.commit->removed, ElementsAre(key(1)));
  g.committed(true);
  EXPECT_EQ(g.next().writes.size(), 1u);
}

TEST(GroupCommit, ChunksThatWaitForASlotDoNotHangWhenTheCommitFailed) {
  group_commit g{slots(1), {row(1)}, 4};
  g.save(row(2));
  g.remove(key(1));
  ASSERT_TRUE(g.next().commit);
  g.committed(false);
  EXPECT_THAT(g.next().refused, ElementsAre(key(2)));
}

TEST(GroupCommit, AChunkThatIsRemovedOnItsWayEndsAsDroppedAndLeavesNothing) {
  for (int stage = 0; stage < 5; ++stage) {
    SCOPED_TRACE(stage);
    group_commit g{slots(4), {}, 4};
    std::vector<kv::chunk_key> dropped;
    auto next = [&] {
      auto t = g.next();
      dropped.insert(dropped.end(), t.dropped.begin(), t.dropped.end());
      EXPECT_THAT(t.saved, IsEmpty());
      EXPECT_THAT(t.refused, IsEmpty());
      return t;
    };
    g.save(row(1));
    if (stage == 0) g.remove(key(1));
    if (!next().writes.empty()) {
      if (stage == 1) g.remove(key(1));
      g.wrote(key(1), true);
      if (stage == 2) g.remove(key(1));
      if (!next().syncs.empty()) {
        if (stage == 3) g.remove(key(1));
        g.synced(true);
        if (next().commit) {
          g.remove(key(1));
          g.committed(true);
          EXPECT_THAT(next().commit->removed, ElementsAre(key(1))) << "its row was there for a moment";
          g.committed(true);
        }
      }
    }
    next();
    EXPECT_THAT(dropped, ElementsAre(key(1)));
    EXPECT_FALSE(g.knows(key(1)));
    EXPECT_EQ(g.free_slots(), 4u);
  }
}

TEST(GroupCommit, RowsOfOneGroupAreCommittedHeadLast) {
  group_commit g{slots(8), {}, 4};
  for (std::uint32_t depth : {0, 1, 2}) {
    auto r = row(10 + depth);
    r.depth = depth;
    g.save(r);
  }
  g.next();
  for (std::uint64_t n : {10, 11, 12}) g.wrote(key(n), true);
  g.next();
  g.synced(true);
  auto t = g.next();
  ASSERT_TRUE(t.commit);
  std::vector<std::uint32_t> depths;
  for (const auto& r : t.commit->added) depths.push_back(r.depth);
  EXPECT_THAT(depths, ElementsAre(2u, 1u, 0u));
}

TEST(GroupCommit, UsesAreCommittedHeadLastWithTheNextGroup) {
  group_commit g{slots(8),
                 {[] {
                    auto r = row(1);
                    r.slot = 0;
                    return r;
                  }(),
                  [] {
                    auto r = row(2);
                    r.slot = 1;
                    return r;
                  }()},
                 4};
  std::vector<kv::chunk_key> chain{key(1), key(2), key(3)};
  g.use(chain);
  auto t = g.next();
  EXPECT_FALSE(t.commit) << "uses alone are not worth a commit";
  g.remove(key(2));
  t = g.next();
  ASSERT_TRUE(t.commit);
  EXPECT_THAT(t.commit->used, ElementsAre(key(2), key(1)));
}

}  // namespace
}  // namespace chromatin::io

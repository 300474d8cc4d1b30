// Keys and values go into DNA with their conversation and come back to the disk tier, in the whole system under a
// virtual clock.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/actors/archiving.hpp"
#include "tests/actors/long_texts.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

using chunk_bytes = std::map<kv::chunk_key, std::vector<std::byte>>;

/// What the disk has, as its catalogue tells it.
chunk_bytes on_disk(world& w) {
  chunk_bytes all;
  for (const auto& row : w.store->load()) {
    kv::memory_block memory = kv::plain_memory(w.geometry.packed_bytes(row.fill));
    int error = -1;
    w.on->medium->read(w.store->layout().at(row.slot), memory.bytes(), io::urgency::turn_waits,
                       [&](int code) { error = code; });
    while (error == -1 && w.on->medium->poll()) {
    }
    EXPECT_EQ(error, 0);
    all[row.key] = {memory.bytes().begin(), memory.bytes().end()};
  }
  return all;
}

world_options with_room(archived_turn how = archived_turn::ticket) {
  world_options o;
  o.archive = how;
  o.archive_levels = 5;
  return o;
}

/// A world's clock begins anew, and what the laboratory made in the one before is from its future.
constexpr std::chrono::hours later{24 * 60};

/// A conversation of four turns is archived; what the disk had of it before.
chunk_bytes archive_talk(world& w, bool kv = true) {
  for (int i = 0; i < 4; ++i) answer_of(w, "talk", i);
  auto before = on_disk(w);
  EXPECT_EQ(archive(w, "talk", kv).kv, kv);
  EXPECT_EQ(tickets(w).back().state, "stored") << tickets(w).back().failure;
  EXPECT_TRUE(w.messages("talk").empty());
  EXPECT_TRUE(on_disk(w).empty()) << "and what was computed of it is gone from the disk";
  return before;
}

/// Recalls it; the ticket when everything is at its end.
archive_ticket recall_talk(world& w, bool kv = true) {
  ask<archive_ticket>(w, atom::recall_v, ref("talk"), kv);
  w.run();
  return tickets(w).back();
}

TEST(ArchiveKv, WhatComesBackIsWhatTheDiskHadAndTheNextTurnComputesNoneOfIt) {
  world undisturbed;
  for (int i = 0; i < 4; ++i) answer_of(undisturbed, "talk", i);
  world w{with_room()};
  const auto before = archive_talk(w);
  const auto back = recall_talk(w);
  EXPECT_EQ(back.state, "settled");
  const auto now = on_disk(w);
  ASSERT_GT(now.size(), 2U);
  for (const auto& [key, bytes] : now) EXPECT_EQ(bytes, before.at(key));
  EXPECT_EQ(back.note, fmt::format("{0} of {0} chunks of keys and values are on the disk", now.size()));
  const auto next = w.talk("talk", quiet_room, 24), as_ever = undisturbed.talk("talk", quiet_room, 24);
  EXPECT_EQ(next.computed_tokens, as_ever.computed_tokens) << "only what was said now";
  EXPECT_LT(3 * next.computed_tokens, next.prompt_tokens);
  EXPECT_THAT(next.hits, testing::Contains(testing::Field(&hit::tier, "disk")));
  EXPECT_EQ(said_in(w, "talk"), said_in(undisturbed, "talk"));
}

TEST(ArchiveKv, ARecallWithoutThemReadsLessAndComputesThem) {
  world w{with_room()};
  archive_talk(w);
  const auto before = w.counter(w.archivist, "reads_ordered");
  recall_talk(w, false);
  const auto narrow = w.counter(w.archivist, "reads_ordered") - before;
  EXPECT_TRUE(on_disk(w).empty());
  archive(w, "talk", true);  // nothing was said: it is there already
  EXPECT_EQ(w.counter(w.archivist, "reads_ordered") - before, narrow);
  recall_talk(w);
  EXPECT_GT(w.counter(w.archivist, "reads_ordered") - before, 3 * narrow);
  EXPECT_FALSE(on_disk(w).empty());
  EXPECT_EQ(w.counter(w.archivist, "chunks_recalled"), static_cast<std::int64_t>(on_disk(w).size()));
}

TEST(ArchiveKv, AnotherModelsAreSaidAndTheConversationComesBack) {
  auto options = with_room();
  options.durable = true;
  auto on = std::make_shared<machine>(1, true);
  {
    world w{options, on};
    archive_talk(w);
  }
  options.archive_model = kv::fingerprint{1, 2};
  world w{options, on};
  w.scheduler_thread.advance_time(later);
  const auto back = recall_talk(w);
  EXPECT_EQ(back.state, "settled");
  EXPECT_THAT(back.note, HasSubstr("of another model"));
  EXPECT_TRUE(on_disk(w).empty());
  EXPECT_EQ(w.messages("talk").size(), 8U);
  EXPECT_EQ(answer_of(w, "talk", 4).empty(), false);
}

TEST(ArchiveKv, WithoutADiskTierTheConversationComesBackAndItIsSaid) {
  world w{with_room()};
  archive_talk(w);
  ask<archive_ticket>(w, atom::recall_v, ref("talk"), true);
  w.drain();
  w.kill(erased(w.disk));
  w.run();
  const auto back = tickets(w).back();
  EXPECT_EQ(back.state, "settled");
  EXPECT_THAT(back.note, testing::AllOf(HasSubstr("0 of "), HasSubstr(" found no room there")));
  EXPECT_EQ(w.messages("talk").size(), 8U);
}

TEST(ArchiveKv, WhatFitsNoPartitionIsRefusedWithTheNumbersAndGoesWithoutThem) {
  auto options = with_room();
  options.archive_levels = 4;
  world w{options};
  const auto refusal = [&] {
    archive(w, "talk", true);
    return tickets(w).back().failure;
  };
  int said = 0;
  while (said < 6) answer_of(w, "talk", said++);
  EXPECT_THAT(refusal(), testing::MatchesRegex("its [0-9]+ chunks of keys and values are [0-9]+ bytes, compressed and "
                                               "sealed, and a partition of the archive has 93696: archive it without "
                                               "them"));
  while (said < 12) answer_of(w, "talk", said++);
  EXPECT_THAT(refusal(), testing::MatchesRegex("its [0-9]+ chunks of keys and values are [0-9]+ bytes, and a partition "
                                               "of the archive has 93696: archive it without them"))
      << "so many are not even read";
  EXPECT_FALSE(w.messages("talk").empty());
  EXPECT_FALSE(archive(w, "talk", false).kv);
  EXPECT_EQ(tickets(w).back().state, "stored");
}

TEST(ArchiveKv, WhatIsForgottenWhileItComesBackIsNotOnTheDiskAfterwards) {
  world w{with_room()};
  archive_talk(w);
  ask<archive_ticket>(w, atom::recall_v, ref("talk"), true);
  while (w.store->load().empty()) {  // to where they are on the disk, and the conversation is not back yet
    const bool goes_on = w.step() || w.scheduler_thread.trigger_timeout();
    ASSERT_TRUE(goes_on);
  }
  w.forget("talk");
  EXPECT_TRUE(on_disk(w).empty());
  EXPECT_TRUE(w.messages("talk").empty());
}

TEST(ArchiveKv, AServerThatStartsAgainKeepsTheCopyUntilTheyAreArchivedToo) {
  auto options = with_room();
  options.durable = true;
  auto on = std::make_shared<machine>(1, true);
  {
    world w{options, on};
    archive_talk(w, false);
    recall_talk(w, false);
    answer_of(w, "other", 0);
    const auto asked = ask<archive_ticket>(w, atom::archive_v, ref("talk"), true);
    w.drain();
    EXPECT_EQ(asked->value->state, "planned");
    w.power_cut();
  }
  world w{options, on};
  w.scheduler_thread.advance_time(later);
  w.run();
  EXPECT_EQ(tickets(w).back().state, "stored");
  EXPECT_TRUE(tickets(w).back().kv);
  recall_talk(w);
  EXPECT_EQ(w.messages("talk").size(), 8U);
}

}  // namespace
}  // namespace chromatin::test

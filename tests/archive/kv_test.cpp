// Keys and values go into DNA beside the transcript, and come back where somebody asks for them.

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/sealed_transcript.hpp"
#include "tests/archive/grown.hpp"
#include "tests/archive/keeping.hpp"
#include "tests/support/reason.hpp"

namespace chromatin::archive {
namespace {

using test::reason;
using testing::HasSubstr;

std::vector<std::byte> bytes_of(const kv_chunk& one) {
  const auto bytes = one.page.bytes().first(small_cache.geometry.packed_bytes(one.link.fill));
  return {bytes.begin(), bytes.end()};
}

void expect_same(const kv_chunk& one, const kv_chunk& other) {
  EXPECT_EQ(one.link, other.link);
  EXPECT_EQ(one.depth, other.depth);
  EXPECT_EQ(*one.checksums, *other.checksums);
  EXPECT_EQ(bytes_of(one), bytes_of(other));
}

// -- the file --

std::vector<kv::link> some_links() { return {{{1, 1}, 64}, {{1, 2}, 64}, {{1, 3}, 5}}; }

std::vector<kv_chunk> some_chunks() {
  std::vector<kv_chunk> all;
  for (const auto& link : some_links())
    all.push_back(some_chunk(link, static_cast<std::uint32_t>(all.size()), link.key.low));
  return all;
}

TEST(SealedKv, ChunksComeBackBitByBitAndStayWhereTheyAre) {
  const auto key = new_key();
  const auto chunks = some_chunks();
  sealed_kv file{key, talk};
  EXPECT_EQ(file.append(std::span{chunks}.first(2), small_cache), 2U);
  const auto before = file.file();
  sealed_kv again{key, talk, before};
  ASSERT_FALSE(again.damage());
  EXPECT_EQ(again.append(chunks, small_cache), 1U);
  ASSERT_GT(again.file().size(), before.size());
  EXPECT_TRUE(std::ranges::equal(before, std::span{again.file()}.first(before.size())));
  const auto taken = sealed_kv{key, talk, again.file()}.take(some_links(), small_cache);
  ASSERT_EQ(taken.chunks.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) expect_same(taken.chunks[i], chunks[i]);
}

TEST(SealedKv, WhatIsAnotherModelsOrNotThereIsLeftOut) {
  sealed_kv file{new_key(), talk};
  auto other = small_cache;
  other.model = {8, 8};
  const auto chunks = some_chunks();
  file.append(std::span{chunks}.first(1), small_cache);
  file.append(std::span{chunks}.subspan(1, 1), other);
  const auto taken = file.take(some_links(), small_cache);
  ASSERT_EQ(taken.chunks.size(), 1U);
  EXPECT_EQ(taken.chunks[0].link, chunks[0].link);
  EXPECT_EQ(taken.of_others, 1U);
  EXPECT_EQ(taken.absent, 1U);
}

TEST(SealedKv, BytesThatDoNotMatchTheirChecksumAreLeftOut) {
  auto chunks = some_chunks();
  chunks[1].page.writable()[7] ^= std::byte{1};
  sealed_kv file{new_key(), talk};
  file.append(chunks, small_cache);
  const auto taken = file.take(some_links(), small_cache);
  EXPECT_EQ(taken.chunks.size(), 2U);
  EXPECT_EQ(taken.not_as_kept, 1U);
}

TEST(SealedKv, AFileIsReadUpToWhatIsDamagedAndByItsOwnConversationOnly) {
  const auto key = new_key();
  sealed_kv file{key, talk};
  file.append(some_chunks(), small_cache);
  auto damaged = file.file();
  damaged.back() ^= 1;
  const sealed_kv read{key, talk, damaged};
  ASSERT_TRUE(read.damage());
  EXPECT_EQ(read.damage()->frame, 3U);
  EXPECT_EQ(read.take(some_links(), small_cache).chunks.size(), 2U);
  EXPECT_TRUE((sealed_kv{key, {"tenant", "other"}, file.file()}.damage()));
  sealed_transcript said{sealer{key, talk}};
  said.append(grown(1));
  EXPECT_THAT((sealed_kv{key, talk, said.file()}.damage()->reason), HasSubstr("not sealed with this"))
      << "one of its files cannot stand in another's place";
}

// -- the trip --

struct kv_trip {
  kv_trip() {
    restart();
    conversation.turn();
    conversation.turn();
    put_back(*at->registry, talk, 1, conversation.now, {});
    world.compute(conversation.now);
  }
  /// Off the disk, and back.
  archive_job recall(const archive_job& from, bool kv) {
    at->drop_copy(talk);
    world.disk.clear();
    return at->run(at->add(ask_recall(from, world.now, kv)));
  }
  void expect_all_back(const std::map<kv::chunk_key, kv_chunk>& before) const {
    for (const auto& link : chunks_of(conversation.now)) {
      ASSERT_TRUE(world.disk.contains(link.key));
      expect_same(world.disk.at(link.key), before.at(link.key));
    }
  }

  void restart() {
    at.reset();
    at.emplace(world);
  }

  outside world;
  std::optional<process> at;
  growing_conversation conversation{6};
};

TEST(KvArchive, WhatTheDiskHadComesBackBitByBit) {
  kv_trip trip;
  const auto before = trip.world.disk;
  ASSERT_GT(before.size(), 1U);
  const auto stored = trip.at->archive(talk, true);
  EXPECT_EQ(stored.state, archive_state::stored);
  EXPECT_THAT(stored.note, HasSubstr(fmt::format("{0} of {0} chunks", before.size())));
  const auto back = trip.recall(stored, true);
  EXPECT_EQ(back.state, archive_state::settled);
  EXPECT_EQ(back.note, "");
  EXPECT_EQ(trip.world.disk.size(), before.size());
  trip.expect_all_back(before);
}

TEST(KvArchive, ARecallThatDoesNotAskForThemReadsTheTranscriptOnly) {
  kv_trip trip;
  const auto stored = trip.at->archive(talk, true);
  const auto narrow = trip.recall(stored, false);
  EXPECT_EQ(narrow.state, archive_state::settled);
  EXPECT_TRUE(trip.world.disk.empty());
  EXPECT_TRUE(copy_of(*trip.at->registry, talk).value() == trip.conversation.now);
  const auto narrow_pcr = trip.world.lab->sequencings.back();
  const auto wide = trip.recall(stored, true);
  EXPECT_LT(2 * narrow.reads, wide.reads);
  EXPECT_NE(description_of(narrow_pcr), description_of(trip.world.lab->sequencings.back()));
}

TEST(KvArchive, MoreTurnsAppendAndWhatIsThereStaysAsItIs) {
  kv_trip trip;
  trip.at->archive(talk, true);
  const auto strands = trip.at->work.figures().strands;
  trip.conversation.turn();
  const auto& now = trip.conversation.now;
  trip.world.compute(now);
  const auto before = trip.world.disk;
  trip.at->registry->write(talk, 1, {1, {now.messages.end() - 2, now.messages.end()}, now.window, true});
  const auto more = trip.at->archive(talk, true);
  EXPECT_EQ(more.state, archive_state::stored);
  EXPECT_LT(trip.at->work.figures().strands - strands, strands);
  trip.recall(more, true);
  trip.expect_all_back(before);
}

TEST(KvArchive, WhatIsThereWithoutThemCanBeArchivedWithThem) {
  kv_trip trip;
  const auto before = trip.world.disk;
  trip.at->archive(talk);
  const auto bare = trip.world.lab->syntheses.size();
  const auto stored = trip.at->archive(talk, true);
  EXPECT_EQ(stored.state, archive_state::stored);
  EXPECT_EQ(trip.world.lab->syntheses.size(), bare + 1) << "the transcript is there, the chunks are not";
  EXPECT_THAT(stored.synthesis, testing::EndsWith("-order-2")) << "ordered at once, not when they were found missing";
  trip.recall(stored, true);
  trip.expect_all_back(before);
}

TEST(KvArchive, OfAnArchiveWithoutThemTheTranscriptComesBackAndItIsSaid) {
  kv_trip trip;
  const auto back = trip.recall(trip.at->archive(talk), true);
  EXPECT_EQ(back.state, archive_state::settled);
  EXPECT_EQ(back.note, "none were archived");
}

TEST(KvArchive, WhereTheTubeLostThemTheTranscriptComesBackByItself) {
  kv_trip trip;
  const auto stored = trip.at->archive(talk, true);
  const auto strands = trip.world.lab->syntheses.at(0).strands;
  trip.world.lab = std::make_shared<counting_laboratory>();
  auto left = synthesis_order{stored.synthesis, stored.tube, {}};
  {
    const auto tube = dna::store::open(trip.world.folder / "tubes" / stored.tube, dna::store::access::read);
    const auto key = *trip.at->registry->archives().find_key(talk);
    const auto file = tube.contents().find(kv_path(key));
    for (const auto& strand : strands)
      if (!strand.name.starts_with(fmt::format("{:04}.", file->blocks[1].leaf))) left.strands.push_back(strand);
  }
  ASSERT_LT(left.strands.size(), strands.size());
  trip.world.lab->order(left, trip.world.now);
  trip.world.now += std::chrono::days{30};
  trip.restart();
  const auto back = trip.recall(stored, true);
  EXPECT_EQ(back.state, archive_state::settled) << back.failure;
  EXPECT_THAT(back.note, HasSubstr("its keys and values do not come back: "));
  EXPECT_TRUE(copy_of(*trip.at->registry, talk).value() == trip.conversation.now);
  EXPECT_TRUE(trip.world.disk.empty());
}

TEST(KvArchive, AProcessThatEndsBeforeItSettlesReadsThemAgain) {
  kv_trip trip;
  const auto before = trip.world.disk;
  const auto stored = trip.at->archive(talk, true);
  trip.at->drop_copy(talk);
  trip.world.disk.clear();
  const auto number = trip.at->add(ask_recall(stored, trip.world.now, true));
  // What is decoded is durable with its job, and the process ends before it is opened.
  trip.world.lasting_until_end = 6;
  try {
    trip.at->run(number);
    FAIL() << "it ends";
  } catch (const process_end&) {
  }
  trip.world.lasting_until_end = -1;
  trip.restart();
  ASSERT_EQ(trip.at->registry->archives().find(number)->state, archive_state::decoded);
  EXPECT_EQ(trip.at->run(number).note, "");
  trip.expect_all_back(before);
}

/// A conversation's first job with keys and values, before it is written.
struct first_writing {
  first_writing() { source.job.number = 1; }

  outside world;
  keeper work{{.folder = world.folder / "tubes", .geometry = world.geometry, .cache = small_cache}, world.lab};
  archive_source source{{plan_archive(talk, 1, world.now, true), new_key()}, 1, grown(1)};
};

TEST(KvArchive, WhatIsRefusedFailsWithItsReasonAndGoesOnWithoutThem) {
  first_writing first;
  auto& [world, work, source] = first;
  source.refused = "too large";
  EXPECT_EQ(work.write(std::vector{source}, world.now).at(0).failure, "too large");
  EXPECT_EQ(work.figures().tubes, 0U);
  source.refused.clear();
  source.job.kv = false;
  EXPECT_EQ(work.write(std::vector{source}, world.now).at(0).failure, "");
}

TEST(KvArchive, WhatAPartitionHoldsIsTheCompressedFile) {
  first_writing first;
  auto& [world, work, source] = first;
  std::uint64_t on_disk = 0;
  const auto add_chunk = [&](std::uint64_t number) {
    source.kv.push_back(some_chunk({{2, number}, 64}, 0, number));
    on_disk += small_cache.geometry.packed_bytes(64);
  };
  while (on_disk <= work.room_bytes()) add_chunk(on_disk);
  EXPECT_EQ(work.write(std::vector{source}, world.now).at(0).failure, "") << "most of a small chunk is padding";
  while (on_disk <= 16 * work.room_bytes()) add_chunk(on_disk);
  EXPECT_THAT(
      work.write(std::vector{source}, world.now).at(0).failure,
      testing::MatchesRegex(fmt::format("its {} chunks of keys and values are [0-9]+ bytes, compressed and sealed, "
                                        "and a partition of the archive has {}: archive it without them",
                                        source.kv.size(), work.room_bytes())));
}

}  // namespace
}  // namespace chromatin::archive

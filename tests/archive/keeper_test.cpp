// Tubes fill up, recalls share a PCR, reads do not do: what the keeper makes of it.

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/tube_orders.hpp"
#include "tests/archive/grown.hpp"
#include "tests/archive/keeping.hpp"
#include "tests/support/reason.hpp"

namespace chromatin::archive {
namespace {

using test::reason;
using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;

io::conversation_key talk_of(int number, const std::string& tenant = "tenant") {
  return {tenant, "talk-" + std::to_string(number)};
}

/// Conversations that are in the tubes and no more on the disk; their archive jobs.
std::vector<archive_job> archived(process& at, int count, lab_time now) {
  std::vector<std::uint64_t> numbers;
  for (int i = 0; i < count; ++i) {
    put_back(*at.registry, talk_of(i), 1, grown(static_cast<std::uint64_t>(i)), {});
    numbers.push_back(at.add(plan_archive(talk_of(i), 1, now)));
  }
  at.run(numbers);
  std::vector<archive_job> jobs;
  for (auto number : numbers) jobs.push_back(at.registry->archives().find(number).value());
  for (int i = 0; i < count; ++i) at.drop_copy(talk_of(i));
  return jobs;
}

/// Recalls of so many archived conversations, and nobody who works on them.
std::vector<keyed_job> recalls_of(outside& world, int count) {
  process at{world};
  std::vector<keyed_job> recalls;
  for (const auto& job : archived(at, count, world.now)) {
    recalls.push_back({ask_recall(job, world.now), *at.registry->archives().find_key(conversation_of(job))});
    recalls.back().job.number = 100 + recalls.size();
  }
  return recalls;
}

/// The same with their jobs as they are next.
std::vector<keyed_job> with(std::vector<keyed_job> all, const std::vector<archive_job>& next) {
  for (const auto& job : next)
    std::ranges::find(all, job.number, [](const auto& one) { return one.job.number; })->job = job;
  return all;
}

TEST(Keeper, ConversationsThatAreArchivedTogetherAreOneOrder) {
  outside world;
  process at{world};
  const auto jobs = archived(at, 3, world.now);
  EXPECT_THAT(jobs, Each(testing::Field(&archive_job::state, archive_state::stored)));
  EXPECT_THAT(world.lab->syntheses, SizeIs(1));
  EXPECT_EQ(world.lab->syntheses[0].strands.size(), at.work.figures().strands);
  EXPECT_THAT(world.lab->sequencings, SizeIs(1)) << "and are checked by the same reads";
  EXPECT_GT(at.work.figures().synthesis_dollars, 0);
}

TEST(Keeper, RecallsThatAreAskedForTogetherAreOnePcrAndBringNothingElse) {
  outside world;
  process at{world};
  const auto jobs = archived(at, 6, world.now);
  const auto one = at.run(at.add(ask_recall(jobs[0], world.now)));
  const auto single = world.lab->sequencings.back();
  EXPECT_EQ(one.state, archive_state::settled);
  EXPECT_LT(3 * one.reads, jobs[0].reads) << "six were read to check them";
  const std::vector both{at.add(ask_recall(jobs[2], world.now)), at.add(ask_recall(jobs[4], world.now))};
  at.run(both);
  const auto pooled = world.lab->sequencings.back();
  EXPECT_EQ(pooled.name, at.registry->archives().find(both[1])->sequencing.back());
  EXPECT_THAT(pooled.steps.back().forward, SizeIs(2 * single.steps.back().forward.size()));
  for (auto number : {2, 4})
    EXPECT_TRUE(copy_of(*at.registry, talk_of(number)).value() == grown(static_cast<std::uint64_t>(number)));
}

/// 256 leaves of 168 bytes.
dna::profile narrow() {
  auto geometry = small_archive();
  geometry.payload_nt = 64;
  return geometry;
}

TEST(Keeper, AFullTubeOpensTheNextAndAConversationThatOutgrowsItsTubeMovesThere) {
  outside world;
  world.geometry = narrow();
  process at{world};
  growing_conversation first{100};
  first.turn();
  put_back(*at.registry, talk_of(0), 1, first.now, {});
  const auto before = at.archive(talk_of(0));
  std::vector<std::string> used;
  for (int i = 1; i < 4; ++i) {
    put_back(*at.registry, talk_of(i), 1, grown(static_cast<std::uint64_t>(i), 60), {});
    const auto job = at.archive(talk_of(i));
    EXPECT_EQ(job.failure, "");
    used.push_back(job.tube);
  }
  EXPECT_EQ(used.front(), before.tube);
  EXPECT_NE(used.back(), before.tube);
  const auto known = static_cast<long>(first.now.messages.size());
  for (int turn = 0; turn < 80; ++turn) first.turn();
  at.registry->write(talk_of(0), 1,
                     {1, {first.now.messages.begin() + known, first.now.messages.end()}, first.now.window, true});
  const auto last = at.archive(talk_of(0));
  EXPECT_NE(last.tube, before.tube);
  at.drop_copy(talk_of(0));
  at.run(at.add(ask_recall(last, world.now)));
  EXPECT_TRUE(copy_of(*at.registry, talk_of(0)).value() == first.now);
  const auto tubes = at.work.figures().tubes;
  const auto still = static_cast<long>(first.now.messages.size());
  first.turn();
  at.registry->write(talk_of(0), 1,
                     {2, {first.now.messages.begin() + still, first.now.messages.end()}, first.now.window, true});
  EXPECT_EQ(at.archive(talk_of(0)).tube, last.tube) << "what is in the full one counts no more";
  EXPECT_EQ(at.work.figures().tubes, tubes);
}

TEST(Keeper, AJobWhoseRowWasLostKeepsItsOrderAndThoseThatCameSinceGetAnother) {
  outside world;
  keeper work{{.folder = world.folder / "tubes", .geometry = world.geometry}, world.lab};
  const auto source = [&](int number) {
    auto job = plan_archive(talk_of(number), 1, world.now);
    job.number = static_cast<std::uint64_t>(number);
    return archive_source{{job, new_key()}, 1, grown(static_cast<std::uint64_t>(number))};
  };
  const std::vector all{source(1), source(2)};
  const auto first = work.write(std::span{all}.first(1), world.now).at(0);
  const auto strands = work.figures().strands;
  const auto both = work.write(all, world.now);
  EXPECT_EQ(both.at(0), first);
  EXPECT_EQ(first.synthesis, order_name(first.tube, 1));
  EXPECT_EQ(both.at(1).synthesis, order_name(first.tube, 2));
  work.give(std::vector<keyed_job>{{both[1], all[1].key}}, world.now);
  EXPECT_EQ(world.lab->syntheses.at(0).strands.size(), work.figures().strands - strands);
}

TEST(Keeper, WhatFitsNoTubeFailsAndTheOthersGoOn) {
  outside world;
  world.geometry = narrow();
  process at{world};
  put_back(*at.registry, talk_of(0), 1, grown(1, 250), {});
  put_back(*at.registry, talk_of(1), 1, grown(2), {});
  const std::vector both{at.add(plan_archive(talk_of(0), 1, world.now)),
                         at.add(plan_archive(talk_of(1), 1, world.now))};
  at.run(both);
  EXPECT_THAT(at.registry->archives().find(both[0])->failure, HasSubstr("leaves"));
  EXPECT_EQ(at.registry->archives().find(both[1])->state, archive_state::stored);
  EXPECT_EQ(at.work.figures().tubes, 1U) << "an empty one has no more room than another";
}

TEST(Keeper, TooFewReadsAreFollowedByMoreAndTheFirstOnesCount) {
  outside world;
  process at{world};
  put_back(*at.registry, talk_of(0), 1, grown(1, 4), {});
  keeper sparing{{.folder = world.folder / "spare", .geometry = world.geometry, .reads_a_strand = 1}, world.lab};
  const auto key = new_key();
  const auto said = copy_of(*at.registry, talk_of(0)).value();
  auto job = plan_archive(talk_of(0), 1, world.now);
  job.number = 7;
  job = sparing.write(std::vector<archive_source>{{{job, key}, 1, said}}, world.now).at(0);
  const auto list = [&] { return std::vector<keyed_job>{{job, key}}; };
  sparing.give(list(), world.now);
  int short_of_blocks = 0;
  while (job.state != archive_state::stored) {
    ASSERT_EQ(job.failure, "");
    ASSERT_LT(job.sequencing.size(), orders_max);
    world.now = sparing.look(job, world.now).expected.value();
    job = sparing.plan_reads(list(), world.now).at(0);
    EXPECT_TRUE(job.missing.empty());
    sparing.give(list(), world.now);
    EXPECT_EQ(world.lab->sequencings.back().reads, job.reads_last);
    world.now = sparing.look(job, world.now).expected.value();
    job = sparing.decode(list(), world.now).at(0);
    short_of_blocks += !job.missing.empty();
  }
  EXPECT_GT(short_of_blocks, 0) << "the first reads have to be too few, or this shows nothing";
  EXPECT_EQ(job.sequencing.size(), static_cast<std::size_t>(short_of_blocks) + 1);
  EXPECT_GT(job.reads, job.reads_last);
}

TEST(Keeper, ThoseWhoShareAPcrPayForItsLuckOnce) {
  outside world;
  const auto recalls = recalls_of(world, 4);
  keeper work{{.folder = world.folder / "tubes", .geometry = world.geometry, .share_for_luck = 0.2}, world.lab};
  std::uint64_t singles = 0;
  for (const auto& one : recalls) singles += work.plan_reads(std::vector{one}, world.now).at(0).reads_last;
  EXPECT_EQ(work.plan_reads(recalls, world.now).at(0).reads_last, singles * 85 / 100);
}

TEST(Keeper, OneThatIsShortInAPoolIsReadAgainByItself) {
  outside world;
  auto recalls = recalls_of(world, 6);
  keeper work{{.folder = world.folder / "tubes", .geometry = world.geometry, .reads_a_strand = 4}, world.lab};
  recalls = with(recalls, work.plan_reads(recalls, world.now));
  const auto pooled = recalls[0].job.reads_last;
  int short_of_blocks = 0;
  while (!recalls.empty()) {
    work.give(recalls, world.now);
    world.now += world.lab->usual().sequencing.value();
    recalls = with(recalls, work.decode(recalls, world.now));
    std::erase_if(recalls, [](const auto& one) { return one.job.state == archive_state::decoded; });
    for (const auto& one : recalls) {
      ASSERT_EQ(one.job.failure, "");
      ASSERT_LT(one.job.sequencing.size(), orders_max);
      if (one.job.sequencing.size() > 1) continue;
      ++short_of_blocks;
      EXPECT_LT(one.job.reads_more, pooled) << "it was a sixth of the first order";
      EXPECT_GE(one.job.reads_more, one.job.missing.size() * 15 * 4) << "as many as a first order has for these";
    }
    recalls = with(recalls, work.plan_reads(recalls, world.now));
  }
  EXPECT_GT(short_of_blocks, 0) << "the first reads have to be too few, or this shows nothing";
}

TEST(Keeper, WhatDidNotComeIsSynthesisedOnceMoreBeforeTheCopyMayGo) {
  outside world;
  simulator_options poor;
  poor.synthesis.dropout = 0.3;  // half of the blocks lack more molecules than they may
  world.lab = std::make_shared<counting_laboratory>(poor);
  process at{world};
  put_back(*at.registry, talk_of(0), 1, grown(1), {});
  const auto job = at.archive(talk_of(0));
  EXPECT_EQ(job.failure, "");
  EXPECT_EQ(job.state, archive_state::stored);
  ASSERT_GT(world.lab->syntheses.size(), 1U);
  const auto &first = world.lab->syntheses[0], &more = world.lab->syntheses[1];
  EXPECT_LT(more.strands.size(), first.strands.size()) << "only what is missing";
  std::set<std::string> known;
  for (const auto& strand : first.strands) known.insert(strand.bases);
  for (const auto& strand : more.strands) EXPECT_TRUE(known.contains(strand.bases));
  at.drop_copy(talk_of(0));
  at.run(at.add(ask_recall(job, world.now)));
  EXPECT_TRUE(copy_of(*at.registry, talk_of(0)).value() == grown(1));
}

TEST(Keeper, RecallsBeyondWhatOnePcrBearsAreAnotherPcr) {
  outside world;
  const auto recalls = recalls_of(world, 3);
  keeper work{{.folder = world.folder / "tubes", .geometry = world.geometry, .together_max = 2}, world.lab};
  const auto planned = work.plan_reads(recalls, world.now);
  EXPECT_EQ(planned[0].sequencing, planned[1].sequencing);
  EXPECT_NE(planned[1].sequencing, planned[2].sequencing);
}

TEST(Keeper, TenantsHaveTubesOfTheirOwnAndNothingOutsideTellsWhoTheyAre) {
  outside world;
  process at{world};
  for (const auto* tenant : {"alpha", "beta"}) put_back(*at.registry, talk_of(0, tenant), 1, grown(1), {});
  const auto alpha = at.archive(talk_of(0, "alpha")), beta = at.archive(talk_of(0, "beta"));
  EXPECT_NE(alpha.tube, beta.tube);
  for (const auto& order : world.lab->syntheses) {
    EXPECT_THAT(order.name, testing::Not(HasSubstr("alpha")));
    EXPECT_THAT(order.tube, testing::AnyOf(alpha.tube, beta.tube));
  }
  const auto& store = dna::store::open(world.folder / "tubes" / alpha.tube, dna::store::access::read);
  for (const auto& entry : store.contents().list())
    for (const auto* word : {"talk", "alpha"}) EXPECT_THAT(entry.path, testing::Not(HasSubstr(word)));
}

TEST(Keeper, AProfileWithoutAJournalForEachDirectoryIsRefused) {
  outside world;
  world.geometry.directory_journals = false;
  EXPECT_THAT(reason([&] { process{world}; }), HasSubstr("directory_journals"));
}

TEST(TubeOrders, AnOrderIsFoundByWhatWasWrittenAndNotByWhatCameLast) {
  test::temporary_folder folder;
  auto tube = dna::store::create(folder / "tube", dna::describe(small_archive(), dna::primer_library()[0]));
  tube.put(std::vector<dna::new_file>{{"a/transcript", {1, 2, 3}}});
  EXPECT_EQ(order_with(tube, "a/transcript"), 0U);
  tube.mark_ordered();
  tube.put(std::vector<dna::new_file>{{"b/transcript", {4, 5, 6}}});
  tube.mark_ordered();
  EXPECT_EQ(order_with(tube, "a/transcript"), 1U);
  EXPECT_EQ(order_with(tube, "b/transcript"), 2U);
  tube.update("a/transcript", byte_string{1, 2, 3, 4});
  EXPECT_EQ(order_with(tube, "a/transcript"), 0U) << "its last version is not ordered";
  tube.mark_ordered();
  EXPECT_EQ(order_with(tube, "a/transcript"), 3U);
  EXPECT_EQ(order_name("tube", 3), "tube-order-3");
  archive_job job{.number = 5, .tube = "tube"};
  const auto strands = [&](const std::string& order) {
    job.synthesis = order;
    return order_of(tube, job).strands;
  };
  EXPECT_EQ(strands("tube-order-3").size(), tube.orders()[2].strands);
  EXPECT_EQ(strands("tube-order-1")[0].bases, tube.strand(0));
  EXPECT_THROW(strands("tube-order-4"), laboratory_error);
  EXPECT_THROW(order_with(tube, "c/transcript"), dna::partition_error);
}

}  // namespace
}  // namespace chromatin::archive

// Both laboratories keep the promises of the interface; people and a model do the same work.

#include <algorithm>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/kept_simulator.hpp"
#include "archive/simulator.hpp"
#include "archive/spool.hpp"
#include "dna/partition/files.hpp"
#include "dna/reads/read_sink.hpp"
#include "dna/wetlab/sequencer.hpp"
#include "tests/archive/tube.hpp"
#include "tests/support/reason.hpp"

namespace chromatin::archive {
namespace {

namespace fs = std::filesystem;
using test::reason;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

const lab_time lab_start{std::chrono::days{20'000}};
const simulator_options usual;
const lab_time strands_come = lab_start + usual.synthesis_time;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{folder}) names.push_back(entry.path().filename().string());
  return names;
}

// -- the promises of both --

class Laboratory : public testing::TestWithParam<bool> {
 protected:
  Laboratory() { tube_.put("talk/transcript", long_text(900, 'a')); }
  laboratory& lab() { return GetParam() ? static_cast<laboratory&>(spool_) : simulator_; }

  test::temporary_folder folder_;
  tube_folder tube_;
  simulator simulator_{usual};
  spool spool_{folder_ / "spool"};
};

TEST_P(Laboratory, AnOrderThatIsGivenAgainChangesNothingAndAnotherOneOfItsNameIsRefused) {
  const auto order = tube_.next_order("tube-order-1");
  lab().order(order, lab_start);
  lab().order(order, strands_come);
  EXPECT_EQ(lab().look(order.name, lab_start).progress, lab_progress::under_way);
  auto other = order;
  other.strands.pop_back();
  EXPECT_THAT(reason([&] { lab().order(other, lab_start); }), HasSubstr("another"));
  auto recall = tube_.recall("recall-1", "talk", 500);
  lab().order(recall, strands_come);
  lab().order(recall, strands_come);
  recall.reads = 501;
  EXPECT_THAT(reason([&] { lab().order(recall, strands_come); }), HasSubstr("another"));
}

TEST_P(Laboratory, AnOrderThatNobodyGaveIsUnknown) {
  EXPECT_EQ(lab().look("recall-1", lab_start).progress, lab_progress::unknown);
  EXPECT_EQ(lab().look("../spool", lab_start).progress, lab_progress::unknown);
  EXPECT_THROW(lab().read("recall-1", lab_start, [](const dna::read&) {}), laboratory_error);
}

TEST_P(Laboratory, WhatCannotBeOrderedIsRefused) {
  const auto order = tube_.next_order("tube-order-1");
  for (auto name : {"", "..", ".hidden", "a/b", "A", "a ", "a."}) {
    auto wrong = order;
    wrong.name = name;
    EXPECT_THROW(lab().order(wrong, lab_start), laboratory_error) << name;
  }
  auto none = order, no_bases = order;
  none.strands.clear();
  no_bases.strands.back().bases += "N";
  for (const auto& wrong : {none, no_bases}) EXPECT_THROW(lab().order(wrong, lab_start), laboratory_error);
  lab().order(order, lab_start);
  const auto recall = tube_.recall("recall-1", "talk", 500);
  auto no_reads = recall, no_steps = recall, no_primer = recall;
  no_reads.reads = 0;
  no_steps.steps.clear();
  no_primer.steps.front().forward.clear();
  for (const auto& wrong : {no_reads, no_steps, no_primer})
    EXPECT_THROW(lab().order(wrong, strands_come), laboratory_error);
}

TEST_P(Laboratory, StrandsHaveNoReads) {
  lab().order(tube_.next_order("tube-order-1"), lab_start);
  EXPECT_THROW(lab().read("tube-order-1", strands_come, [](const dna::read&) {}), laboratory_error);
}

INSTANTIATE_TEST_SUITE_P(Both, Laboratory, testing::Bool(),
                         [](const auto& tested) { return std::string{tested.param ? "Spool" : "Simulator"}; });

// -- the model --

TEST(Simulator, AnOrderTakesTheTimeThatTheOptionsSay) {
  tube_folder tube;
  tube.put("talk/transcript", long_text(300, 'a'));
  simulator lab{usual};
  EXPECT_TRUE(lab.simulated());
  lab.order(tube.next_order("tube-order-1"), lab_start);
  EXPECT_EQ(lab.look("tube-order-1", lab_start).expected, strands_come);
  EXPECT_EQ(lab.look("tube-order-1", strands_come - std::chrono::seconds{1}).progress, lab_progress::under_way);
  EXPECT_EQ(lab.look("tube-order-1", strands_come).progress, lab_progress::done);
  EXPECT_EQ(lab.look("tube-order-1", strands_come).note, "simulated");
  const auto recall = tube.recall("recall-1", "talk", 100);
  EXPECT_THAT(reason([&] { lab.order(recall, strands_come - std::chrono::seconds{1}); }),
              HasSubstr("nothing is in the tube tube yet"));
  lab.order(recall, strands_come);
  const auto end = strands_come + usual.sequencing_time;
  EXPECT_THROW(lab.read("recall-1", end - std::chrono::seconds{1}, [](const dna::read&) {}), laboratory_error);
  std::size_t reads = 0;
  lab.read("recall-1", end, [&](const dna::read& one) {
    ++reads;
    EXPECT_EQ(one.name.rfind("simulated.", 0), 0U) << one.name;
  });
  EXPECT_EQ(reads, 100U);
}

TEST(Simulator, WhatIsRecalledIsWhatHadComeByThen) {
  tube_folder tube;
  const auto first = long_text(900, 'a'), second = long_text(1200, 'A');
  tube.put("talk/transcript", first);
  tube.put("other/transcript", long_text(3000, 'm'));
  simulator lab{usual};
  lab.order(tube.next_order("tube-order-1"), lab_start);
  auto longer = first;
  longer.insert(longer.end(), second.begin(), second.end());
  tube.store().update("talk/transcript", longer);
  const auto later = lab_start + std::chrono::days{5};
  lab.order(tube.next_order("tube-order-2"), later);
  lab.order(tube.recall("recall-1", "talk", 1500), strands_come);
  lab.order(tube.recall("recall-2", "talk", 3000), later + usual.synthesis_time);
  const auto end = later + usual.synthesis_time + usual.sequencing_time;
  EXPECT_EQ(tube.decode(lab, {"recall-1"}, end).get("talk/transcript").content, first);
  EXPECT_EQ(tube.decode(lab, {"recall-2"}, end).get("talk/transcript").content, longer);
}

TEST(Simulator, TheSameOrdersAfterARestartAreTheSameReads) {
  tube_folder tube;
  tube.put("talk/transcript", long_text(900, 'a'));
  const auto strands = tube.next_order("tube-order-1");
  const auto recall = tube.recall("recall-1", "talk", 200);
  const auto reads = [&](std::uint64_t seed) {
    auto options = usual;
    options.seed = seed;
    simulator lab{options};
    lab.order(strands, lab_start);
    lab.order(recall, strands_come);
    std::string all;
    for (int twice = 0; twice < 2; ++twice)
      lab.read("recall-1", strands_come + usual.sequencing_time, [&](const dna::read& one) { all += one.bases; });
    EXPECT_EQ(all.substr(0, all.size() / 2), all.substr(all.size() / 2)) << "they are the same each time";
    return all;
  };
  const auto once = reads(1);
  EXPECT_EQ(reads(1), once);
  EXPECT_NE(reads(2), once);
}

TEST(Simulator, OrdersThatAreReadInTurnsHaveReadsOfTheirOwnWhetherRememberedOrNot) {
  tube_folder tube;
  for (char letter = 'a'; letter < 'd'; ++letter) tube.put(std::string{letter} + "/transcript", long_text(900, letter));
  const auto strands = tube.next_order("tube-order-1");
  const auto reads = [&](std::size_t remembered_max) {
    auto options = usual;
    options.reads_remembered_max = remembered_max;
    simulator lab{options};
    lab.order(strands, lab_start);
    for (const char* which : {"a", "b", "c"})
      lab.order(tube.recall(std::string{"recall-"} + which, which, 200), strands_come);
    std::string all;
    for (const char* name : {"recall-a", "recall-b", "recall-a", "recall-c", "recall-b", "recall-a", "recall-a"})
      lab.read(name, strands_come + usual.sequencing_time,
               [&](const dna::read& one) { all += one.name + ' ' + one.bases + one.quality; });
    return all;
  };
  const auto drawn_anew = reads(0);
  for (std::size_t max : {200, 400, 1000}) EXPECT_EQ(reads(max), drawn_anew) << max;
}

TEST(Simulator, OneThatKeepsItsOrdersHasTheSameTubesAfterARestart) {
  test::temporary_folder folder;
  tube_folder tube;
  tube.put("talk/transcript", long_text(900, 'a'));
  const auto strands = tube.next_order("tube-order-1");
  const auto recall = tube.recall("recall-1", "talk", 200);
  const auto reads = [](laboratory& lab) {
    std::string all;
    lab.read("recall-1", strands_come + usual.sequencing_time, [&](const dna::read& one) { all += one.bases; });
    return all;
  };
  simulator forgetful{usual};
  forgetful.order(strands, lab_start);
  forgetful.order(recall, strands_come);
  kept_simulator{folder / "lab", usual}.order(strands, lab_start);
  kept_simulator{folder / "lab", usual}.order(recall, strands_come);
  kept_simulator last{folder / "lab", usual};
  EXPECT_EQ(last.look("recall-1", strands_come).progress, lab_progress::under_way);
  EXPECT_EQ(reads(last), reads(forgetful));
  last.order(recall, strands_come + usual.sequencing_time);
  EXPECT_EQ(reads(last), reads(forgetful)) << "given again, it is as old as it was";
  std::ofstream{folder / "lab" / "recall-1.json"} << "{}";
  EXPECT_THAT(reason([&] { kept_simulator{folder / "lab", usual}; }), HasSubstr("recall-1.json: no order"));
}

TEST(Simulator, ASampleOfALargeTubeStandsForWhatNoPrimerIsNearTo) {
  tube_folder tube;
  for (char letter = 'a'; letter < 'm'; ++letter)
    tube.put(std::string{letter} + "/transcript", long_text(6000, letter));
  const auto strands = tube.next_order("tube-order-1");
  const auto recall = tube.recall("recall-1", "c", 20000);
  const auto on_target = [&](std::size_t strands_max, std::size_t primers_max) {
    auto options = usual;
    options.sampling.far_strands_max = strands_max;
    options.sampling.far_primers_max = primers_max;
    simulator lab{options};
    lab.order(strands, lab_start);
    lab.order(recall, strands_come);
    const auto leaves = tube.store().contents().leaves_of("c");
    double wanted = 0;
    lab.read("recall-1", strands_come + usual.sequencing_time, [&](const dna::read& one) {
      wanted +=
          std::ranges::count(leaves, dna::wetlab::parse_strand_name(one.name.substr(one.name.find('.', 10) + 1))->leaf);
    });
    return wanted / 20000;
  };
  const auto exact = on_target(0, 0);
  EXPECT_GT(exact, 0.2);
  EXPECT_NEAR(on_target(300, 0), exact, 0.05);
  EXPECT_NEAR(on_target(300, 1), exact, 0.05);
}

// -- people --

/// Does by hand what README says, with what is in the order's folder and nothing else.
class person {
 public:
  explicit person(fs::path folder) : spool_{std::move(folder)} {}

  void synthesise(const std::string& order) {
    for (const auto& strand : fasta(spool_ / order / "strands.fa")) {
      strands_.push_back(strand.bases);
      names_.push_back(strand.name);
    }
    touch(order, "done");
  }
  void sequence(const std::string& order, std::uint64_t count) {
    namespace wetlab = dna::wetlab;
    const auto primers = fasta(spool_ / order / "primers.fa");
    wetlab::pcr_step step{.reverse = primers.back().bases};
    for (std::size_t i = 0; i + 1 < primers.size(); ++i) step.forward.push_back({primers[i].bases});
    const auto product = wetlab::amplify(wetlab::synthesise(strands_, names_, {}, 1), {step}, {}, 2).product;
    dna::read_sink one{spool_ / order / "reads" / "lane1.fastq.gz"}, two{spool_ / order / "reads" / "lane2.fastq"};
    std::uint64_t at = 0;
    wetlab::sequence(product, count, wetlab::illumina_profile(), 0, 3,
                     [&](const dna::read& read) { (at++ % 2 == 0 ? one : two).put(read); });
    one.close();
    two.close();
    std::ofstream{spool_ / order / "reads" / ".lane3.fastq.partial"} << "@half a re";
  }
  void touch(const std::string& order, const std::string& name, const std::string& text = {}) {
    std::ofstream{spool_ / order / name} << text;
  }

 private:
  static std::vector<dna::read> fasta(const fs::path& file) {
    std::vector<dna::read> all;
    dna::read one;
    for (dna::read_source from{file}; from.next(one);) all.push_back(one);
    return all;
  }

  fs::path spool_;
  std::vector<std::string> strands_, names_;
};

TEST(Spool, ARoundTripByHand) {
  test::temporary_folder folder;
  tube_folder tube;
  const auto said = long_text(900, 'a');
  tube.put("talk/transcript", said);
  tube.put("other/transcript", long_text(3000, 'm'));
  person technician{folder.path()};
  spool lab{folder.path()};
  EXPECT_FALSE(lab.simulated());

  lab.order(tube.next_order("tube-order-1"), lab_start);
  EXPECT_THAT(names_in(folder / "tube-order-1"),
              UnorderedElementsAre("README", "order.txt", "strands.csv", "strands.fa"));
  auto answer = lab.look("tube-order-1", lab_start);
  EXPECT_EQ(answer.progress, lab_progress::under_way);
  EXPECT_THAT(answer.note, HasSubstr("tube-order-1/README says what to do"));
  technician.synthesise("tube-order-1");
  EXPECT_EQ(lab.look("tube-order-1", lab_start).progress, lab_progress::done);

  lab.order(tube.recall("recall-1", "talk", 2000, dna::wetlab::protocol::plain), lab_start);
  EXPECT_THAT(names_in(folder / "recall-1"),
              UnorderedElementsAre("README", "order.txt", "primers.csv", "primers.fa", "reads"));
  technician.sequence("recall-1", 2000);
  EXPECT_EQ(lab.look("recall-1", lab_start).progress, lab_progress::under_way) << "nobody says that this is all";
  EXPECT_THROW(lab.read("recall-1", lab_start, [](const dna::read&) {}), laboratory_error);
  technician.touch("recall-1", "done");
  EXPECT_EQ(lab.look("recall-1", lab_start).progress, lab_progress::done);
  spool restarted{folder.path()};
  EXPECT_EQ(tube.decode(restarted, {"recall-1"}, lab_start).get("talk/transcript").content, said);
}

TEST(Spool, TheReadmeSaysEveryStepAndWhatEndsTheOrder) {
  test::temporary_folder folder;
  tube_folder tube;
  tube.put("talk/transcript", long_text(900, 'a'));
  spool lab{folder.path()};
  lab.order(tube.next_order("tube-order-1"), lab_start);
  const std::string near = "AACCGTGTTGCAGTCTGATCAGT", nearer = near + "CA", back = "TCAGGATACCGTTGACGTCA";
  const sequencing_order recall{"recall-1",
                                "tube",
                                {{.forward = {{near}}, .cycles = 15, .below_melting_c = 0},
                                 {.forward = {{nearer}}, .reverse = back, .cycles = 20, .carried = 0.001}},
                                2000};
  lab.order(recall, lab_start);
  const auto strands = dna::read_file(folder / "tube-order-1/README");
  EXPECT_THAT(strands, testing::AllOf(HasSubstr("touch done"), HasSubstr("strands.csv"), HasSubstr("the tube tube")));
  const auto reads = dna::read_file(folder / "recall-1/README");
  EXPECT_THAT(reads, testing::AllOf(HasSubstr("touch done"), HasSubstr("2000 reads"), HasSubstr("`reads`")));
  EXPECT_THAT(reads, HasSubstr("step 1, on all of the sample: 15 cycles with primer-1 forward and no reverse primer;"));
  EXPECT_THAT(reads, HasSubstr("step 2, on a share of 0.001 of what step 1 made: 20 cycles with primer-2 forward and "
                               "primer-3 reverse;"));
  EXPECT_EQ(dna::read_file(folder / "recall-1/primers.csv"),
            "name,sequence\nprimer-1," + near + "\nprimer-2," + nearer + "\nprimer-3," + back + "\n");
}

TEST(Spool, WhatACrashLeftOfAnOrderIsMadeAgainAndNeverSeen) {
  test::temporary_folder folder;
  tube_folder tube;
  tube.put("talk/transcript", long_text(300, 'a'));
  const auto order = tube.next_order("tube-order-1");
  fs::create_directories(folder / ".tube-order-1.new/reads");
  std::ofstream{folder / ".tube-order-1.new/strands.fa"} << ">half";
  spool lab{folder.path()};
  EXPECT_EQ(lab.look("tube-order-1", lab_start).progress, lab_progress::unknown);
  lab.order(order, lab_start);
  EXPECT_THAT(names_in(folder.path()), testing::ElementsAre("tube-order-1"));
  EXPECT_EQ(dna::read_file(folder / "tube-order-1/strands.fa"), dna::fasta_of(order.strands));
  EXPECT_FALSE(fs::exists(folder / "tube-order-1/reads"));
}

TEST(Spool, AnOrderThatPeopleRefuseSaysWhy) {
  test::temporary_folder folder;
  tube_folder tube;
  tube.put("talk/transcript", long_text(300, 'a'));
  spool lab{folder.path()};
  lab.order(tube.next_order("tube-order-1"), lab_start);
  person{folder.path()}.touch("tube-order-1", "refused", "the house makes no strands of 150 nt\nask another one\n");
  const auto answer = lab.look("tube-order-1", lab_start);
  EXPECT_EQ(answer.progress, lab_progress::refused);
  EXPECT_EQ(answer.note, "the house makes no strands of 150 nt");
}

TEST(Spool, DoneWithoutReadsIsNotDone) {
  test::temporary_folder folder;
  tube_folder tube;
  tube.put("talk/transcript", long_text(300, 'a'));
  tube.next_order("tube-order-1");
  spool lab{folder.path()};
  lab.order(tube.recall("recall-1", "talk", 100), lab_start);
  person{folder.path()}.touch("recall-1", "done");
  const auto answer = lab.look("recall-1", lab_start);
  EXPECT_EQ(answer.progress, lab_progress::under_way);
  EXPECT_THAT(answer.note, HasSubstr("has no file of reads yet"));
  std::ofstream{folder / "recall-1/reads/a.fastq"} << "@a\nACGT\n+\nIIII\n@b\nAC";
  EXPECT_THAT(reason([&] { lab.read("recall-1", lab_start, [](const dna::read&) {}); }), HasSubstr("a.fastq"));
}

}  // namespace
}  // namespace chromatin::archive

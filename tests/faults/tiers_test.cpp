// Each kind of fault of the disk, under the whole hierarchy of tiers: it changes nothing but time.

#include <array>
#include <random>

#include <gtest/gtest.h>

#include "tests/actors/world.hpp"

namespace chromatin::test {
namespace {

using io::fault;

const std::string long_text =
    "Please find me a one way flight from San Francisco to Seattle on the tenth of March, economy class, for three "
    "people, and a hotel near the centre with a pool and free wireless for four nights.";

/// So small that every turn reads from the disk and writes to it.
world_options tight(std::uint64_t seed) {
  return {.device_chunks = 8, .host_chunks = 10, .disk_chunks = 60, .shuffle_seed = seed};
}

std::vector<std::string> play(world& w, int first, int last) { return test::play(w, long_text, first, last); }

constexpr int turns = 30;

const std::vector<std::string>& faultless() {
  static const auto answers = [] {
    world w{tight(1)};
    return play(w, 0, turns);
  }();
  return answers;
}

class EachFault : public testing::TestWithParam<fault> {};

TEST_P(EachFault, ChangesNothingButTime) {
  std::int64_t fired = 0;
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    SCOPED_TRACE(seed);
    world w{tight(seed)};
    io::fault_odds odds{};
    odds[static_cast<std::size_t>(GetParam())] = 100'000;
    w.on->disk_dice->set_odds(odds);
    EXPECT_EQ(play(w, 0, turns), faultless());
    fired += w.on->disk_dice->counts().of(GetParam());
    w.on->disk_dice->set_odds({});
    play(w, turns, turns + 10);
    EXPECT_EQ(w.counter(w.disk, "saves_waiting"), 0);
    EXPECT_GT(w.counter(w.disk, "stored_chunks"), 0);
    EXPECT_EQ(w.counter(w.host, "loads_under_way"), 0);
  }
  EXPECT_GT(fired, 5);
}

INSTANTIATE_TEST_SUITE_P(Of, EachFault,
                         testing::Values(fault::read_error, fault::write_error, fault::no_space, fault::sync_error,
                                         fault::short_read, fault::short_write, fault::torn_write, fault::read_flip,
                                         fault::write_flip, fault::misdirected_write, fault::slow, fault::stuck),
                         [](const auto& kind) { return std::string{io::to_string(kind.param)}; });

/// What lies under a chunk in silence is found when it is read.
TEST(Damage, OfEveryKindIsFoundAndTheChunkDropped) {
  for (auto kind : {fault::torn_write, fault::write_flip, fault::misdirected_write}) {
    SCOPED_TRACE(io::to_string(kind));
    world w{tight(2)};
    io::fault_odds odds{};
    odds[static_cast<std::size_t>(kind)] = 300'000;
    w.on->disk_dice->set_odds(odds);
    play(w, 0, turns);
    EXPECT_GT(w.counter(w.disk, "corrupt_chunks"), 0);
  }
}

TEST(PowerCut, InTheMiddleOfATurnEveryAcknowledgedMessageIsKeptAndTheAnswersAreRight) {
  std::array<std::int64_t, io::fault_kinds> fired{};
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random{seed};
    auto shape = tight(seed);
    shape.durable = true;
    auto machine = std::make_shared<test::machine>(seed, true);
    std::vector<std::string> answers;
    for (int done = 0; done < turns;) {
      world w{shape, machine};
      for (std::size_t c = 0; c < 5; ++c) {
        auto kept = w.messages("c" + std::to_string(c));
        std::vector<std::string> expected, found;
        for (auto i = c; i < answers.size(); i += 5) expected.push_back(answers[i]);
        for (std::size_t i = 1; i < kept.size(); i += 2) found.push_back(kept[i].content);
        EXPECT_EQ(found, expected) << "c" << c;
      }
      auto until = std::min(turns, done + 1 + static_cast<int>(random() % 8));
      for (auto& text : play(w, done, until)) answers.push_back(std::move(text));
      done = until;
      w.say("cut" + std::to_string(done), long_text + long_text + long_text);
      auto unsynced = [&] { return machine->disk_dice->counts().any_unsynced(); };
      for (auto n = random() % 300; n > 0 && w.step(); --n) {
      }
      for (bool feared = random() % 4 != 0; feared && !unsynced() && w.step();) {
      }
      w.power_cut();
    }
    EXPECT_EQ(answers, faultless());
    for (std::size_t i = 0; i < fired.size(); ++i)
      fired[i] += machine->disk_dice->counts().fired[i] + machine->file_dice->counts().fired[i];
  }
  for (auto what : {fault::cut_keeps, fault::cut_drops, fault::cut_tears})
    EXPECT_GT(fired[static_cast<std::size_t>(what)], 0) << io::to_string(what);
}

}  // namespace
}  // namespace chromatin::test

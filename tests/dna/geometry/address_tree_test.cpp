// Addresses are far apart, fit for primers, and found again when damaged.

#include <algorithm>
#include <random>

#include <gtest/gtest.h>
#include <edlib.h>

#include "dna/geometry/address_tree.hpp"
#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {
namespace {

std::uint32_t mismatches(std::string_view a, std::string_view b) {
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i];
  return count;
}

/// The nearest leaves by comparing with all of them.
std::vector<std::uint32_t> nearest_by_trying(const address_tree& tree, std::string_view text, int& edits) {
  std::vector<std::uint32_t> best;
  edits = 1000;
  for (std::uint32_t leaf = 0; leaf < tree.leaves(); ++leaf) {
    const auto address = tree.bases(leaf);
    // The address against any beginning of the text.
    const auto found =
        edlibAlign(address.data(), static_cast<int>(address.size()), text.data(), static_cast<int>(text.size()),
                   edlibNewAlignConfig(-1, EDLIB_MODE_SHW, EDLIB_TASK_DISTANCE, nullptr, 0));
    if (found.editDistance < edits) edits = found.editDistance, best.clear();
    if (found.editDistance == edits) best.push_back(leaf);
    edlibFreeAlignResult(found);
  }
  return best;
}

TEST(AddressTree, EveryPrefixIsBalancedAndWithoutRuns) {
  for (const std::uint64_t seed : {1ULL, 2ULL, 0xfedcba9876543210ULL}) {
    const address_tree tree{5, seed};
    for (std::uint32_t leaf = 0; leaf < tree.leaves(); ++leaf) {
      const auto bases = tree.bases(leaf);
      ASSERT_EQ(bases.size(), 10U);
      EXPECT_LE(longest_run(bases), 3U) << bases;
      EXPECT_NE(bases[0], bases[1]) << bases;
      EXPECT_LE(longest_run(bases.substr(7)), 2U) << bases << ": what follows may add to it";
      for (std::uint32_t level = 1; level <= 5; ++level) {
        const auto strong = gc_share(bases.substr(0, 2 * level)) * 2 * level;
        EXPECT_NEAR(strong, level, level <= 2 ? 1.001 : 2.001) << bases;
        EXPECT_EQ(tree.prefix(tree.above(leaf, level)), bases.substr(0, 2 * level));
      }
    }
  }
}

TEST(AddressTree, FirstBasesTellTheChild) {
  const address_tree tree{5, 99};
  for (std::uint32_t leaf = 0; leaf < tree.leaves(); ++leaf)
    for (std::uint32_t level = 0; level < 5; ++level)
      EXPECT_EQ(tree.bases(leaf)[2 * level], "ACGT"[leaf >> 2 * (4 - level) & 3]);
}

TEST(AddressTree, TubesOfTodayStayReadable) {
  // The choice of bases is part of the format: a change that alters these loses every strand ever ordered.
  const address_tree tree{5, 7};
  const std::vector<std::pair<std::uint32_t, std::string>> ordered{
      {0, "AGAGAAACAC"}, {1, "AGAGAAACCA"}, {333, "CTCGATTCCT"}, {777, "TCAAACGCCG"}, {1023, "TCTCTGTCTC"}};
  for (const auto& [leaf, bases] : ordered) EXPECT_EQ(tree.bases(leaf), bases);
}

TEST(AddressTree, SeedsGiveOtherTreesAndTheSameSeedTheSame) {
  EXPECT_EQ(address_tree(5, 7).bases(777), address_tree(5, 7).bases(777));
  const address_tree a{5, 7}, b{5, 8};
  std::uint32_t same = 0;
  for (std::uint32_t leaf = 0; leaf < a.leaves(); ++leaf) same += a.bases(leaf) == b.bases(leaf);
  EXPECT_LT(same, 100U);
}

TEST(AddressTree, PrefixesDifferWhereAPrimerEnds) {
  for (const std::uint64_t seed : {1ULL, 2ULL, 3ULL}) {
    const address_tree tree{5, seed};
    for (std::uint32_t level = 1; level <= 5; ++level) {
      std::vector<std::string> prefixes;
      for (const auto& node : tree.nodes())
        if (node.level == level) prefixes.push_back(tree.prefix({node.leaves.first, level}));
      std::size_t near = 0;
      for (std::size_t i = 0; i < prefixes.size(); ++i)
        for (std::size_t j = 0; j < i; ++j) {
          ASSERT_GE(mismatches(prefixes[i], prefixes[j]), 2U) << prefixes[i] << " " << prefixes[j];
          near += mismatches(prefixes[i], prefixes[j]) == 2 && i / 4 != j / 4;
        }
      EXPECT_LE(near, prefixes.size() / 3) << "pairs of no siblings that are two bases apart, level " << level;
    }
  }
}

TEST(AddressTree, DamagedAddressesGoToTheNearestLeafOrToNone) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random{seed};
  const address_tree tree{5, 42};
  std::uint32_t found_right = 0, found_wrong = 0;
  for (int i = 0; i < 400; ++i) {
    const auto leaf = static_cast<std::uint32_t>(random() % tree.leaves());
    auto text = tree.bases(leaf) + "CAGTTGCAAC";
    for (auto edits = random() % 3; edits > 0; --edits) {
      const auto at = static_cast<std::ptrdiff_t>(random() % 10);
      const auto base = "ACGTN"[random() % 5];
      switch (random() % 3) {
        case 0:
          text[static_cast<std::size_t>(at)] = base;
          break;
        case 1:
          text.erase(text.begin() + at);
          break;
        default:
          text.insert(text.begin() + at, base);
      }
    }
    int edits = 0;
    const auto best = nearest_by_trying(tree, text, edits);
    const auto match = tree.nearest(text, 2);
    EXPECT_EQ(match.has_value(), best.size() == 1 && edits <= 2) << text;
    if (!match) continue;
    EXPECT_EQ(match->leaf, best[0]) << text;
    EXPECT_EQ(match->edits, static_cast<std::uint32_t>(edits)) << text;
    (match->leaf == leaf ? found_right : found_wrong)++;
  }
  EXPECT_GT(found_right, 200U);
  EXPECT_LT(found_wrong, found_right / 5);
}

TEST(AddressTree, AnArchivesPrefixesAreAsGood) {
  const address_tree tree{8, 7};
  ASSERT_EQ(tree.leaves(), 65'536U);
  std::mt19937_64 random{1};
  std::vector<std::string> directories;  // prefixes of subtrees of sixteen leaves
  for (std::uint32_t leaf = 0; leaf < tree.leaves(); ++leaf) {
    const auto bases = tree.bases(leaf);
    ASSERT_EQ(bases.size(), 16U);
    ASSERT_LE(longest_run(bases), 3U) << bases;
    ASSERT_LE(longest_run(bases.substr(13)), 2U) << bases;
    for (std::uint32_t level = 3; level <= 8; ++level)
      ASSERT_NEAR(gc_share(bases.substr(0, 2 * level)) * 2 * level, level, 2.001) << bases;
    if (leaf % 16 == 0) directories.push_back(tree.prefix(tree.above(leaf, 6)));
  }
  // Where a primer ends counts most: hardly any two agree in all of their last six bases, chance would have one in
  // 4,096.
  std::size_t near = 0, pairs = 0;
  for (std::size_t i = 0; i < directories.size(); i += 16)
    for (std::size_t j = 0; j < directories.size(); ++j) {
      if (i == j) continue;
      ASSERT_GE(mismatches(directories[i], directories[j]), 2U);
      ++pairs;
      near += directories[i].substr(6) == directories[j].substr(6);
    }
  EXPECT_LT(near, pairs / 4096);
  EXPECT_EQ(tree.nearest(tree.bases(4711) + "CAGT")->leaf, 4711U);
  auto damaged = tree.bases(4711) + "CAGT";
  damaged.erase(5, 1);
  EXPECT_EQ(tree.nearest(damaged)->leaf, 4711U);
  EXPECT_THROW((address_tree{9, 7}), std::invalid_argument);
}

TEST(AddressTree, FewestSubtreesCoverARun) {
  const address_tree tree{5, 1};
  EXPECT_EQ(tree.cover({0, 1024}), (std::vector<subtree>{{0, 0}}));
  EXPECT_EQ(tree.cover({64, 50}), (std::vector<subtree>{{64, 3}, {80, 3}, {96, 3}, {112, 5}, {113, 5}}));
  EXPECT_EQ(tree.cover({3, 2}), (std::vector<subtree>{{3, 5}, {4, 5}}));
  EXPECT_TRUE(tree.cover({9, 0}).empty());
  EXPECT_THROW(tree.cover({1000, 25}), std::out_of_range);
  EXPECT_THROW(tree.bases(1024), std::out_of_range);
  EXPECT_THROW(tree.prefix({1, 3}), std::out_of_range);
}

}  // namespace
}  // namespace chromatin::dna

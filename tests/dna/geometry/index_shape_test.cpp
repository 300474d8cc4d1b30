// Any prefix-based index becomes one that primers can be elongated by: today's, others with more children, a hash
// index, a directory tree as it is.

#include <algorithm>
#include <random>
#include <set>

#include <gtest/gtest.h>
#include <edlib.h>

#include "dna/geometry/description.hpp"
#include "dna/geometry/sequence.hpp"
#include "dna/geometry/strand.hpp"

namespace chromatin::dna {
namespace {

index_shape directories() {
  index_shape::file_leaves files{{"readme", 1}, {"deep/er/down/one", 2}, {"wide/a", 5}};
  for (int i = 1; i <= 12; ++i) files.emplace_back("alice/chapter-" + std::to_string(i), 50);
  for (int i = 0; i < 40; ++i) files.emplace_back("wide/f" + std::to_string(i), 1);
  return index_shape::of_files(files);
}

class IndexShape : public testing::TestWithParam<int> {
 protected:
  static index_shape shape() {
    switch (GetParam()) {
      case 0:
        return {};
      case 1:
        return directories();
      case 2:
        return index_shape::of_hash({16, 16, 4});
      default:
        return index_shape::of_levels({7, 2, 33});
    }
  }
  const std::uint64_t seed_ = std::random_device{}();
  const testing::ScopedTrace trace_{__FILE__, __LINE__, std::to_string(seed_)};
  const address_tree tree_{shape(), 5, seed_};
};

TEST_P(IndexShape, APrefixIsOfItsNodeAndNothingElse) {
  std::vector<std::string> addresses;
  for (std::uint32_t leaf = 0; leaf < tree_.leaves(); ++leaf) {
    addresses.push_back(tree_.bases(leaf));
    EXPECT_EQ(addresses.back().size(), tree_.address_nt());
    EXPECT_LE(longest_run(addresses.back()), 3U) << addresses.back();
    EXPECT_NE(addresses.back()[0], addresses.back()[1]);
  }
  for (const auto& node : tree_.nodes()) {
    const auto prefix = tree_.prefix({node.leaves.first, node.level});
    for (std::uint32_t leaf = 0; leaf < tree_.leaves(); ++leaf)
      ASSERT_EQ(addresses[leaf].starts_with(prefix), leaf >= node.leaves.first && leaf < node.leaves.end())
          << prefix << " " << addresses[leaf];
  }
}

TEST_P(IndexShape, SiblingsAreTwoBasesApartAndPrefixesBalanced) {
  for (const auto& node : tree_.nodes()) {
    const auto siblings = tree_.children({node.leaves.first, node.level});
    for (std::size_t i = 0; i < siblings.size(); ++i) {
      const auto a = tree_.prefix(siblings[i]);
      EXPECT_NEAR(gc_share(a), 0.5, a.size() < 6 ? 0.51 : 0.34) << a;
      for (std::size_t j = 0; j < i; ++j) {
        const auto b = tree_.prefix(siblings[j]);
        int differ = 0;
        for (std::size_t k = 0; k < a.size(); ++k) differ += a[k] != b[k];
        ASSERT_GE(differ, 2) << a << " " << b;
      }
    }
  }
}

TEST_P(IndexShape, ADamagedAddressGoesToTheNearestLeafOrToNone) {
  std::mt19937_64 random{seed_};
  for (int i = 0; i < 60; ++i) {
    auto text = tree_.bases(static_cast<std::uint32_t>(random() % tree_.leaves())) + "CAGTTG";
    const auto at = random() % tree_.address_nt();
    if (i % 3 == 0)
      text.erase(at, 1);
    else
      text[at] = "ACGT"[random() % 4];
    std::set<std::uint32_t> best;
    int least = 100;
    for (std::uint32_t leaf = 0; leaf < tree_.leaves(); ++leaf) {
      const auto address = tree_.bases(leaf);
      const auto found =
          edlibAlign(address.data(), static_cast<int>(address.size()), text.data(), static_cast<int>(text.size()),
                     edlibNewAlignConfig(-1, EDLIB_MODE_SHW, EDLIB_TASK_DISTANCE, nullptr, 0));
      if (found.editDistance < least) least = found.editDistance, best.clear();
      if (found.editDistance == least) best.insert(leaf);
      edlibFreeAlignResult(found);
    }
    const auto match = tree_.nearest(text, 2);
    ASSERT_EQ(match.has_value(), best.size() == 1) << text;
    EXPECT_TRUE(!match || match->leaf == *best.begin()) << text;
  }
}

TEST_P(IndexShape, ADescriptionKeepsIt) {
  profile geometry;
  geometry.index = shape();
  const auto described = describe(geometry, {"AACCGTGTTGCAGTCTGATC", "TCAGGATACCGTTGACGTCA"});
  EXPECT_EQ(description_from_toml(to_toml(described), "here"), described);
  const strand_layout layout{described};
  const auto index = layout.index_bases({layout.geometry().leaves() - 1, 1, 3});
  EXPECT_EQ(index.size(), layout.geometry().index_nt());
  EXPECT_EQ(layout.parse(index + "ACGTACGT")->id, (strand_id{layout.geometry().leaves() - 1, 1, 3}));
}

INSTANTIATE_TEST_SUITE_P(Kinds, IndexShape, testing::Range(0, 4));

TEST(Index, DirectoriesAndFilesAreNodes) {
  const auto shape = directories();
  const address_tree tree{shape, 5, 1};
  const auto alice = shape.place_of("alice"), chapter = shape.place_of("alice/chapter-7");
  ASSERT_TRUE(alice && chapter);
  EXPECT_EQ(alice->count, 600U);
  EXPECT_EQ(chapter->count, 50U);
  EXPECT_EQ(tree.cover(*alice).size(), 1U);
  EXPECT_EQ(tree.cover(*chapter).size(), 1U);
  EXPECT_TRUE(tree.prefix(tree.cover(*chapter)[0]).starts_with(tree.prefix(tree.cover(*alice)[0])));
  EXPECT_EQ(shape.place_of("alice/a-new-one"), alice) << "what the index does not know goes to its directory";
  EXPECT_FALSE(shape.place_of("elsewhere"));
  const auto deep = shape.place_of("deep/er/down/one"), readme = shape.place_of("readme");
  EXPECT_LT(tree.prefix(tree.cover(*readme)[0]).size(), tree.prefix(tree.cover({deep->first, 1})[0]).size())
      << "leaves stand at different depths";
}

TEST(Index, AHashTellsTheBucket) {
  const auto shape = index_shape::of_hash({16, 16, 4});
  std::set<std::uint32_t> buckets;
  for (int i = 0; i < 100; ++i) {
    const auto place = shape.place_of("key-" + std::to_string(i));
    ASSERT_TRUE(place);
    EXPECT_EQ(place->count, 4U);
    EXPECT_EQ(place->first % 4, 0U);
    EXPECT_GE(place->first, 64U) << "the journal's";
    EXPECT_EQ(place, shape.place_of("key-" + std::to_string(i)));
    buckets.insert(place->first);
  }
  EXPECT_GT(buckets.size(), 60U);
}

TEST(Index, WhatCannotBeIsRefused) {
  EXPECT_THROW(index_shape::of_levels({1, 4}), std::invalid_argument);
  EXPECT_THROW(index_shape::of_levels({512, 512}), std::invalid_argument);
  EXPECT_THROW(index_shape::of_hash({16}), std::invalid_argument);
  EXPECT_THROW(index_shape::of_files({}), std::invalid_argument);
  EXPECT_THROW(index_shape::of_files({{"a", 1}, {"a", 1}}), std::invalid_argument);
  EXPECT_THROW(index_shape::of_files({{"a", 1}, {"a/b", 1}}), std::invalid_argument);
  EXPECT_THROW(index_shape::of_files({{"a", 5000}}), std::invalid_argument);
  EXPECT_THROW(index_shape::of_files({{"a//b", 1}}), std::invalid_argument);
  for (const auto* text : {"index = \"x\"", "index = \"levels\"", "index = \"hash\"\nfan_out = [\"a\"]",
                           "index = \"directories\"\nindex_files = [\"a\"]"})
    EXPECT_THROW(profile_from_toml(std::string{"[profile]\n"} + text, "here"), profile_error) << text;
}

}  // namespace
}  // namespace chromatin::dna

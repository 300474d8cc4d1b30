/// The bits of primer_search beside a plain table of edit distances.

#include "dna/reads/primer_search.hpp"

#include <algorithm>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

using namespace chromatin::dna;

namespace {

/// Fewest edits that turn the primer into this text.
std::size_t distance(std::string_view primer, std::string_view text) {
  std::vector<std::size_t> row(primer.size() + 1);
  for (std::size_t i = 0; i <= primer.size(); ++i) row[i] = i;
  for (const char base : text) {
    auto diagonal = row[0]++;
    for (std::size_t i = 1; i <= primer.size(); ++i) {
      const bool differs = primer[i - 1] != base || base == 'N';
      diagonal = std::exchange(row[i], std::min({row[i] + 1, row[i - 1] + 1, diagonal + differs}));
    }
  }
  return row.back();
}

std::string random_bases(std::size_t count, std::mt19937& random, std::string_view of) {
  std::string bases;
  while (bases.size() < count) bases += of[random() % of.size()];
  return bases;
}

TEST(PrimerSearch, FindsWhatATableOfAllPlacesFinds) {
  std::mt19937 random{7};
  for (int i = 0; i < 400; ++i) {
    const auto primer = random_bases(i % 8 == 0 ? 64 : 4 + random() % 20, random, "ACGT");
    auto window = random_bases(random() % 60, random, i % 3 == 0 ? "AC" : "ACGTN");
    // Most windows have a damaged copy of it.
    if (i % 4 != 0) {
      auto copy = primer;
      for (auto edits = random() % 4; edits > 0; --edits) copy[random() % copy.size()] = "ACGTN"[random() % 5];
      if (random() % 2 == 0) copy.erase(random() % copy.size(), 1);
      window.insert(random() % (window.size() + 1), copy);
    }
    const auto edits_max = primer.size() / 4;
    auto least = edits_max + 1;
    std::size_t begin = 0, end = 0;
    for (std::size_t to = 1; to <= window.size(); ++to)
      for (std::size_t from = 0; from < to; ++from)
        if (const auto edits = distance(primer, std::string_view{window}.substr(from, to - from)); edits < least)
          least = edits, begin = from, end = to;
    const auto found = primer_search{primer}.find(window, edits_max);
    ASSERT_EQ(found.has_value(), least <= edits_max) << primer << " in " << window;
    if (!found) continue;
    EXPECT_EQ(found->edits, static_cast<int>(least)) << primer << " in " << window;
    EXPECT_EQ(found->begin, begin) << primer << " in " << window;
    EXPECT_EQ(found->end, end) << primer << " in " << window;
  }
}

TEST(PrimerSearch, PrimersThatFitNoWordAreRefused) {
  EXPECT_THROW(primer_search{""}, std::invalid_argument);
  EXPECT_THROW(primer_search{std::string(65, 'A')}, std::invalid_argument);
}

}  // namespace

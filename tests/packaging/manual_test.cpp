// Man pages and completions say what --help says, and their readers can read them.

#include <map>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/packaging/install.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

/// What --help shows of a command.
struct shown {
  std::vector<std::string> options, commands;
};

shown help_of(const std::string& command) {
  static const pattern option{"  (-[^ ]+).*"}, below{"  ([a-z-]+)  .*"}, heading{"[A-Z].*:"};
  shown found;
  std::string section;
  auto help = outcome_of(CHROMATIN_BINARY + command.substr(command.find(' ')) + " --help");
  EXPECT_EQ(help.status, 0) << command;
  std::istringstream text{help.text};
  for (std::string line; std::getline(text, line);) {
    if (heading.match(line)) section = line;
    bool lists_commands = section == "Subcommands:";
    if (auto match = lists_commands ? below.match(line) : std::nullopt) found.commands.push_back((*match)[1]);
    if (auto match = lists_commands ? std::nullopt : option.match(line)) {
      std::istringstream names{(*match)[1]};
      for (std::string name; std::getline(names, name, ',');) found.options.push_back(name);
    }
  }
  return found;
}

void add_all(const std::string& command, std::map<std::string, shown>& all) {
  auto& found = all[command] = help_of(command);
  for (const auto& below : std::vector{found.commands})
    add_all((command == "chromatin " ? "chromatin" : command) + " " + below, all);
}

/// All commands by their full names. The program's own has a space at its end.
const std::map<std::string, shown>& commands() {
  static const auto all = [] {
    std::map<std::string, shown> found;
    add_all("chromatin ", found);
    return found;
  }();
  return all;
}

std::string trimmed(const std::string& command) { return command.substr(0, command.find_last_not_of(' ') + 1); }

class Manual : public testing::Test {
 protected:
  void SetUp() override {
    auto made = outcome_of(CHROMATIN_BINARY " describe " + folder_.path().string());
    ASSERT_EQ(made.status, 0) << made.text;
  }
  std::string file(const std::string& name) const { return (folder_ / name).string(); }
  std::string page_of(const std::string& command) const {
    auto name = trimmed(command);
    std::replace(name.begin(), name.end(), ' ', '-');
    return file("man/" + name + ".1");
  }
  /// What a completion of the shell offers.
  std::string offered(const std::string& shell, const std::string& script) const {
    auto harness = file("harness");
    std::ofstream{harness} << script;
    return outcome_of("cd " + folder_.path().string() + " && " + shell + " " + harness).text;
  }

  temporary_folder folder_;
};

TEST_F(Manual, HelpIsUnderstoodByThisTest) {
  EXPECT_GT(commands().size(), 30u);
  EXPECT_THAT(commands().at("chromatin serve").options, testing::IsSupersetOf({"-h", "--help", "--model", "--bytes"}));
  EXPECT_THAT(commands().at("chromatin dna").commands, testing::Contains("put"));
}

TEST_F(Manual, EveryCommandHasAPageWithEachOfItsOptions) {
  for (const auto& [command, has] : commands()) {
    auto page = pattern{R"(\\-)"}.replaced(content_of(page_of(command)), "-");
    EXPECT_THAT(page, HasSubstr(".SH NAME\n")) << command;
    for (const auto& option : has.options) EXPECT_THAT(page, HasSubstr("\\fB" + option + "\\fR")) << command;
    for (const auto& below : has.commands) EXPECT_THAT(page, HasSubstr("-" + below + " (1)")) << command;
  }
}

TEST_F(Manual, NoPageNamesAPathOfTheMachineThatItWasMadeOn) {
  for (const auto& [command, has] : commands()) {
    auto page = content_of(page_of(command));
    EXPECT_THAT(page, testing::Not(HasSubstr(CHROMATIN_SOURCE_DIR))) << command;
    EXPECT_THAT(page, testing::Not(HasSubstr(CHROMATIN_BUILD_DIR))) << command;
  }
}

TEST_F(Manual, GroffReadsEveryPageWithoutAWarning) {
  if (!there_is("groff")) GTEST_SKIP() << "groff is missing";
  for (const auto& [command, has] : commands())
    EXPECT_EQ(outcome_of("groff -man -Tutf8 -Kutf8 -ww -rLL=200n " + page_of(command) + " > /dev/null").text, "")
        << command;
  EXPECT_THAT(outcome_of("groff -man -Tutf8 -Kutf8 -P-c -P-b -P-u " + page_of("chromatin serve")).text,
              testing::AllOf(HasSubstr("--device-mem SIZE"), HasSubstr("Default: auto"), HasSubstr("--config FILE")));
}

TEST_F(Manual, BashCompletesCommandsOptionsAndValues) {
  auto script = content_of(file("bash/chromatin"));
  for (const auto& [command, has] : commands()) {
    auto at = script.find("'" + trimmed(command) + "') commands=");
    ASSERT_NE(at, script.npos) << command;
    auto line = script.substr(at, script.find('\n', at) - at);
    for (const auto& word : has.options) EXPECT_TRUE(pattern{"[ ']" + word + "[ ']"}.found_in(line)) << line;
    for (const auto& word : has.commands) EXPECT_TRUE(pattern{"[ ']" + word + "[ ']"}.found_in(line)) << line;
  }
  auto said = offered("bash", R"(
source bash/chromatin
words() { COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _chromatin; echo "${COMPREPLY[*]}"; }
words chromatin ser
words chromatin serve --policy l
words chromatin dna pu
words chromatin dna put --js
words chromatin serve --model ''
)");
  EXPECT_EQ(said, "serve\nlru lfu lookahead\nput\n--json\n\n");
}

TEST_F(Manual, BashCompletionLeavesNoVariablesInTheShell) {
  auto left = offered("bash", R"(
source bash/chromatin
COMP_WORDS=(chromatin serve --policy l) COMP_CWORD=3 COMPREPLY=() before=''
before=$(compgen -v | sort)
_chromatin
echo "${#COMPREPLY[@]}"
comm -13 <(echo "$before") <(compgen -v | sort)
)");
  EXPECT_EQ(left, "3\n");
}

TEST_F(Manual, FishCompletesCommandsOptionsAndValues) {
  auto script = content_of(file("fish/chromatin.fish"));
  for (const auto& [command, has] : commands())
    for (const auto& option : has.options) {
      auto flag = option.starts_with("--") ? " -l " + option.substr(2) + " " : " -s " + option.substr(1) + " ";
      EXPECT_TRUE(pattern{"__chromatin_at " + trimmed(command) + "'[^\n]*" + flag}.found_in(script))
          << command << ' ' << option;
    }
  if (!there_is("fish")) GTEST_SKIP() << "fish is missing";
  auto said = offered("fish -N", R"(
source fish/chromatin.fish
complete -C 'chromatin ser'
complete -C 'chromatin serve --policy l'
complete -C 'chromatin dna put --js'
)");
  EXPECT_THAT(said, HasSubstr("serve\tServe a model"));
  EXPECT_THAT(said, HasSubstr("lookahead\t"));
  EXPECT_THAT(said, HasSubstr("--json\t"));
}

TEST_F(Manual, ZshCompletesCommandsOptionsAndValues) {
  auto script = content_of(file("zsh/_chromatin"));
  for (const auto& [command, has] : commands()) {
    auto at = script.find("('" + trimmed(command) + "') commands=");
    ASSERT_NE(at, script.npos) << command;
    auto line = script.substr(at, script.find('\n', at) - at);
    for (const auto& word : has.options) EXPECT_THAT(line, HasSubstr("'" + word + ":")) << command;
    for (const auto& word : has.commands) EXPECT_THAT(line, HasSubstr("'" + word + ":")) << command;
  }
  if (!there_is("zsh")) GTEST_SKIP() << "zsh is missing";
  // What the completion gives to the functions of zsh's completion system.
  auto said = offered("zsh -f", R"(
_describe() { [[ $1 == -o ]] && shift; print -l -- ${(P)2} }
_files() { print files }
compadd() { shift; print -l -- $@ }
words() { local -a words=("$@"); local CURRENT=$#words; source ./zsh/_chromatin }
words chromatin ''
words chromatin serve --policy ''
words chromatin dna put --
words chromatin serve --model ''
)");
  EXPECT_THAT(said, testing::StartsWith("serve:Serve a model"));
  EXPECT_THAT(said, HasSubstr("\nlookahead\n"));
  EXPECT_THAT(said, HasSubstr("\n--json:"));
  EXPECT_THAT(said, testing::EndsWith("files\n"));
}

}  // namespace
}  // namespace chromatin::test

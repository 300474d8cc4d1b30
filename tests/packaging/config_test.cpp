// The example config (packaging/chromatin.toml) knows every option of `chromatin serve`, and says what is so anyway.

#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <toml++/toml.h>

#include "apps/commands.hpp"
#include "apps/system_flags.hpp"
#include "tests/packaging/install.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

struct key {
  std::string value, explanation;
};

/// Keys of the example, with the comment above the group that they are in.
std::map<std::string, key> example() {
  static const pattern line_of_key{"#([a-z-]+) = (.+)"};
  std::map<std::string, key> keys;
  std::string explanation;
  std::istringstream text{content_of(CHROMATIN_SOURCE_DIR "/packaging/chromatin.toml")};
  for (std::string line; std::getline(text, line);)
    if (auto match = line_of_key.match(line))
      keys[(*match)[1]] = {(*match)[2], explanation};
    else
      explanation = line.starts_with("# ") ? explanation + line + "\n" : "";
  return keys;
}

bool is_set(const key& k) { return k.explanation.find("Not set") == std::string::npos; }

/// A config with those keys of the example that `which` chooses, without their #.
template <class Which>
std::filesystem::path config_of(const temporary_folder& folder, Which which) {
  std::ofstream out{folder / "chromatin.toml"};
  out << "[serve]\n";
  for (const auto& [name, k] : example())
    if (which(k)) out << name << " = " << k.value << '\n';
  return folder / "chromatin.toml";
}

/// The program's options of `serve` after these arguments, without a server.
class parsed {
 public:
  explicit parsed(std::vector<std::string> arguments = {}) {
    app_.set_config("--config");
    add_serve_command(app_, {}, {});
    serve_ = app_.get_subcommand("serve");
    // What is missing is noticed when all else was read, and before the command runs.
    app_.add_option("--missing")->required();
    arguments.insert(arguments.begin(), "serve");
    EXPECT_THROW(app_.parse(std::vector<std::string>{arguments.rbegin(), arguments.rend()}), CLI::RequiredError);
  }
  std::vector<CLI::Option*> options() {
    return serve_->get_options([&](const CLI::Option* o) { return o != serve_->get_help_ptr(); });
  }
  const CLI::Option& option(const std::string& name) { return *serve_->get_option("--" + name); }

 private:
  CLI::App app_;
  CLI::App* serve_;
};

TEST(ExampleConfig, HasAKeyForEachOptionAndNoOther) {
  std::set<std::string> options, keys;
  parsed nothing;
  for (const auto* o : nothing.options()) options.insert(o->get_lnames().front());
  for (const auto& [name, k] : example()) {
    keys.insert(name);
    EXPECT_FALSE(k.explanation.empty()) << name << " is not explained";
  }
  EXPECT_EQ(keys, options);
}

TEST(ExampleConfig, SaysTheDefaultOrThatThereIsNone) {
  temporary_folder folder;
  parsed given{{"--config", config_of(folder, [](const key&) { return true; })}};
  std::vector<std::string> defaults;
  for (const auto* o : given.options())
    if (!o->get_default_str().empty())
      defaults.insert(defaults.end(), {"--" + o->get_lnames().front(), o->get_default_str()});
  parsed standard{defaults};
  for (const auto& [name, k] : example()) {
    const auto& option = given.option(name);
    ASSERT_EQ(option.count(), 1u) << name << " was not read";
    if (option.get_expected_min() == 0)
      EXPECT_EQ(k.value, "false") << name;
    else if (option.get_default_str().empty())
      EXPECT_FALSE(is_set(k)) << name << " has no default: the explanation says \"Not set\"";
    else
      EXPECT_EQ(option.reduced_results(), standard.option(name).reduced_results()) << name;
    EXPECT_TRUE(option.get_default_str().empty() || is_set(k)) << name << " is set to " << option.get_default_str();
  }
}

TEST(ExampleConfig, IsTOML) {
  temporary_folder folder;
  auto read = toml::parse_file(config_of(folder, [](const key&) { return true; }).string());
  EXPECT_EQ(read["serve"].as_table()->size(), example().size());
}

TEST(ExampleConfig, StartsAServer) {
  temporary_folder folder;
  auto file = config_of(folder, is_set);
  server_process server{folder.path(), {"--config", file, "--listen", "127.0.0.1:0"}};
  EXPECT_THAT(server.said(), testing::HasSubstr("listening on 127.0.0.1:"));
  EXPECT_EQ(server.stop(SIGTERM), 0) << server.said();
}

TEST(Config, AKeyThatThereIsNotIsNamedAndSoIsAValueThatCannotBe) {
  temporary_folder folder;
  for (auto [text, named] : {std::pair{"queu = 3", "queu"}, {"queue = \"many\"", "queue"}, {"batch = 0", "batch"}}) {
    std::ofstream{folder / "config"} << "[serve]\n" << text << '\n';
    auto refused = outcome_of(CHROMATIN_BINARY " serve --config " + (folder / "config").string());
    EXPECT_NE(refused.status, 0) << text;
    EXPECT_THAT(refused.text, testing::HasSubstr(named));
    EXPECT_EQ(std::count(refused.text.begin(), refused.text.end(), '\n'), 1) << refused.text;
  }
}

}  // namespace
}  // namespace chromatin::test

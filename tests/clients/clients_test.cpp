// Clients that nobody here wrote, and the page at / in a browser, against the real binary. Skipped where npm does not
// bring them.

#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "io/free_ports.hpp"
#include "tests/clients/npm_packages.hpp"
#include "tests/clients/serving.hpp"

namespace chromatin::test {
namespace {

class Clients : public testing::Test {
 protected:
  void SetUp() override {
    if (!packages_.missing.empty()) GTEST_SKIP() << packages_.missing;
  }
  outcome run(const std::string& command) const {
    return outcome_of("cd " + packages_.folder.string() + " && timeout 100 " + command);
  }

  npm_packages packages_ = installed_packages();
};

TEST_F(Clients, OpenAIsPackageFindsWhatItsUsersExpect) {
  serving server;
  auto [status, why] = run("node openai.mjs " + server.address());
  EXPECT_EQ(status, 0) << why;
}

TEST_F(Clients, TheAISDKHasItsMessagesReused) {
  serving server;
  auto [status, why] = run("node ai_sdk.mjs " + server.address());
  EXPECT_EQ(status, 0) << why;
}

TEST_F(Clients, ResponsesAreAsOpenResponsesDescribesThem) {
  serving server;
  auto [status, why] = run("node open_responses.mjs " + server.address());
  EXPECT_EQ(status, 0) << why;
}

TEST_F(Clients, CompatCanaryFindsAllThatIsServedAndTheRestRefused) {
  const std::set<std::string> not_served{"chat.tool_call", "chat.structured_output"};
  serving server;
  for (std::string profile : {"chat", "modern"}) {
    std::set<std::string> failed;
    // The model is small, and may go on until its tokens are over, where a probe wants it to end by itself.
    for (int tries = 0; tries < 3 && (tries == 0 || !failed.empty()); ++tries) {
      failed.clear();
      auto [status, text] =
          run("npx --no-install compatcanary scan --model concierge --fail-on never --format json "
              "--base-url " +
              server.address() + " --profile " + profile);
      ASSERT_EQ(status, 0) << text;
      const auto report = nlohmann::json::parse(text);
      for (const auto& result : report["results"]) {
        auto id = result["id"].get<std::string>();
        if (not_served.contains(id)) {
          EXPECT_EQ(result["error"]["httpStatus"], 400) << result;
        } else if (result["status"] != "pass") {
          failed.insert(id + ": " + result["summary"].get<std::string>());
        }
      }
    }
    EXPECT_TRUE(failed.empty()) << profile << ": " << *failed.begin();
  }
}

TEST_F(Clients, AChatFrontEndInABrowserGoesOnInOneConversation) {
  if (!there_is("chromium")) GTEST_SKIP() << "chromium is not there";
  constexpr int lost_a_piece = 75;  // by the front end itself: the next try is on a new server
  for (int tries = 1;; ++tries) {
    auto port = std::to_string(io::free_ports(1).front());
    serving server{{"--http-origin", "http://127.0.0.1:" + port}};
    auto [status, why] = run("node front_end.mjs " + server.address() + " " + port);
    if (status == lost_a_piece && tries < 5) continue;
    EXPECT_EQ(status, 0) << why;
    return;
  }
}

/// The page at /, as people use it.
TEST_F(Clients, ABrowserChatsOnThePageAndSeesWhereItsTokensCameFrom) {
  if (auto [status, why] = outcome_of("chromium --version"); status != 0) GTEST_SKIP() << "no chromium: " << why;
  serving server;
  auto [status, why] = run("node dashboard.mjs " + server.address());
  EXPECT_EQ(status, 0) << why;
}

}  // namespace
}  // namespace chromatin::test

// A part dies without which no turn can run: the process says so and ends with a status that a service manager sees.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rpc/client.hpp"
#include "tests/support/reason.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// What fails: "begin", "layer" or "device".
class DeadPart : public testing::TestWithParam<const char*> {
 protected:
  ~DeadPart() override { ::unsetenv("CHROMATIN_FAILS"); }
  /// "N": in the n-th step; "N+": from then on.
  static void fail_in(const std::string& steps) {
    ::setenv("CHROMATIN_FAILS", (GetParam() + (':' + steps)).c_str(), 1);
  }
};

/// What five turns were answered, and at the end the error that ended the last.
std::vector<std::string> answers(server_process& server) {
  rpc::client client{server.address()};
  auto conversation = client.open("talk");
  std::vector<std::string> texts;
  for (int turn = 0; turn < 5; ++turn)
    texts.push_back(reason([&] {
      texts.push_back(conversation.say({.text = "hello", .sampling = {.temperature = 1, .tokens_max = 8}}).text);
    }));
  return texts;
}

TEST_P(DeadPart, ABackendThatFailsOnceChangesNoAnswer) {
  temporary_folder folder, other;
  server_process sound{other.path(), {"--compute", "f32"}};
  fail_in("3");
  server_process server{folder.path(), {"--compute", "f32"}, FAILING_BINARY};
  EXPECT_EQ(answers(server), answers(sound));
  EXPECT_THAT(server.said(), AllOf(HasSubstr("executor died"), HasSubstr("the device is gone")));
  EXPECT_THAT(server.said(), HasSubstr("executor is back"));
}

TEST_P(DeadPart, ABackendThatFailsForGoodEndsItsTurnsWithAnErrorAndTheServerWithAStatus) {
  temporary_folder folder;
  fail_in("4+");
  server_process server{folder.path(), {"--compute", "f32"}, FAILING_BINARY};
  auto texts = answers(server);
  EXPECT_THAT(texts, testing::Contains(HasSubstr("not_available: its step was tried twice")));
  auto status = server.wait_for_end();
  EXPECT_TRUE(WIFEXITED(status)) << status << '\n' << server.said();
  EXPECT_EQ(WEXITSTATUS(status), 1) << server.said();
  EXPECT_THAT(server.said(), HasSubstr("executor died 4 times"));
}

TEST_P(DeadPart, ABackendThatFailsForGoodEndsReplayWithAnErrorAndLeavesNothingBehind) {
  temporary_folder folder;
  fail_in("4+");
  auto command = "TMPDIR=" + folder.path().string() + " " + FAILING_BINARY +
                 " replay --compute f32 --limit 8 --reuse on " + CHROMATIN_SOURCE_DIR +
                 "/assets/conversations/sgd-sample.jsonl 2>&1 >/dev/null";
  std::string out;
  auto* pipe = ::popen(command.c_str(), "r");
  for (int c; (c = std::fgetc(pipe)) != EOF;) out += static_cast<char>(c);
  auto status = ::pclose(pipe);
  ASSERT_TRUE(WIFEXITED(status)) << status << out;
  EXPECT_EQ(WEXITSTATUS(status), 1) << out;
  EXPECT_THAT(out, HasSubstr("chromatin: not_available"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

INSTANTIATE_TEST_SUITE_P(Kinds, DeadPart, testing::Values("begin", "layer", "device"),
                         [](const auto& kind) { return std::string{kind.param}; });

TEST(Packing, ThatFailsEndsTheServerWithItsReasonAndAStatusThoughNobodyAsks) {
  temporary_folder folder;
  ::setenv("CHROMATIN_FAILS", "packing:1", 1);
  server_process server{folder.path(), {"--compute", "f32"}, FAILING_BINARY};
  ::unsetenv("CHROMATIN_FAILS");
  auto status = server.wait_for_end();
  EXPECT_TRUE(WIFEXITED(status)) << status << '\n' << server.said();
  EXPECT_EQ(WEXITSTATUS(status), 1) << server.said();
  EXPECT_THAT(server.said(), HasSubstr("concierge: its weights cannot be packed: no room left"));
}

}  // namespace
}  // namespace chromatin::test

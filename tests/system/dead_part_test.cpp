// A part dies without which no turn can run: the process says so and ends with a status that a service manager sees.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rpc/client.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

class DeadPart : public testing::TestWithParam<const char*> {
 protected:
  DeadPart() { ::setenv("CHROMATIN_FAILS", GetParam(), 1); }
  ~DeadPart() override { ::unsetenv("CHROMATIN_FAILS"); }
};

TEST_P(DeadPart, ABackendThatFailsEndsTheServerWithAStatusAndTheTurnWithAnError) {
  temporary_folder folder;
  server_process server{folder.path(), {"--compute", "f32"}, FAILING_BINARY};
  rpc::client client{server.address()};
  auto conversation = client.open("talk");
  std::string error;
  try {
    for (int turn = 0; turn < 20; ++turn) conversation.say({.text = "hello", .sampling = {.tokens_max = 8}});
  } catch (const rpc::call_error& e) {
    error = e.what();
  }
  EXPECT_THAT(error, HasSubstr("not_available"));
  auto status = server.wait_for_end();
  EXPECT_TRUE(WIFEXITED(status)) << status << '\n' << server.log();
  EXPECT_EQ(WEXITSTATUS(status), 1) << server.log();
  EXPECT_THAT(server.log(), HasSubstr("executor died"));
  EXPECT_THAT(server.log(), HasSubstr("the device is gone"));
}

TEST_P(DeadPart, ABackendThatFailsEndsReplayWithAnErrorAndLeavesNothingBehind) {
  temporary_folder folder;
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

INSTANTIATE_TEST_SUITE_P(Kinds, DeadPart, testing::Values("begin:3", "layer:4", "device:3"), [](const auto& kind) {
  std::string name = kind.param;
  return name.substr(0, name.find(':'));
});

}  // namespace
}  // namespace chromatin::test

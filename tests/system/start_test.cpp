// Starts that cannot succeed: one line and a status, whatever is missing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

#ifndef __SANITIZE_THREAD__
TEST(Start, WithTooFewThreadsEndsWithALineWhateverIsLeft) {
  temporary_folder folder;
  int most = 0;
  for (bool listens = false; !listens; ++most) {
    ASSERT_LT(most, 200) << "no number of threads is enough";
    ::setenv("CHROMATIN_THREADS_MAX", std::to_string(most).c_str(), 1);
    server_process server{folder.path(), {"--threads", "2", "--http", "127.0.0.1:0"}, FAILING_BINARY};
    ::unsetenv("CHROMATIN_THREADS_MAX");
    listens = !server.ended();
    if (listens) {
      EXPECT_EQ(server.stop(SIGTERM), 0) << server.said();
      break;
    }
    ASSERT_TRUE(WIFEXITED(server.status())) << most << " threads: " << server.status() << '\n' << server.said();
    EXPECT_EQ(WEXITSTATUS(server.status()), 1) << server.said();
    EXPECT_THAT(server.said(), testing::HasSubstr("threads")) << most;
  }
  EXPECT_GT(most, 4);
}
#endif

}  // namespace
}  // namespace chromatin::test

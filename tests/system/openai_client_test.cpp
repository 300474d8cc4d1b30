// A client that nobody here wrote: OpenAI's npm package against the real binary.

#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

constexpr const char* package = "openai@6.49.0";

/// Status and output of a command line.
std::pair<int, std::string> outcome_of(const std::string& command) {
  std::string text;
  auto* pipe = ::popen(("timeout 100 " + command + " 2>&1").c_str(), "r");
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, n);
  return {::pclose(pipe), text};
}

/// Where the server says that it serves HTTP.
std::string http_address(const server_process& server) {
  constexpr std::string_view mark = "OpenAI's interface on ";
  for (int i = 0; i < 500; ++i, std::this_thread::sleep_for(std::chrono::milliseconds{10})) {
    auto log = server.log();
    auto at = log.find(mark);
    auto end = at == log.npos ? at : log.find('\n', at);
    if (end != log.npos) return log.substr(at + mark.size(), end - at - mark.size());
  }
  return {};
}

TEST(OpenAIClient, ChatsStreamsAndFailsAsItsUsersExpect) {
  temporary_folder folder;
  auto place = folder.path().string();
  auto [status, said] = outcome_of("npm install --no-audit --no-fund --prefix " + place + " " + package);
  if (status != 0) GTEST_SKIP() << "npm does not bring " << package << ": " << said;
  std::filesystem::copy(CHROMATIN_SOURCE_DIR "/tests/system/openai_client.mjs", folder.path() / "client.mjs");
  server_process server{folder.path(), {"--http", "127.0.0.1:0"}};
  auto [failed, why] = outcome_of("node " + place + "/client.mjs " + http_address(server));
  EXPECT_EQ(failed, 0) << why;
}

}  // namespace
}  // namespace chromatin::test

// What a terminal shows of long work.

#include "io/progress.hpp"

#include <gmock/gmock.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chromatin::io {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST(ProgressText, SaysHowFarHowFastAndHowLongYet) {
  EXPECT_EQ(progress_text("turns", 30, 120, 6), "turns: 30 of 120, 5.0 a second, 18 s to go");
  EXPECT_EQ(progress_text("turns", 0, 120, 3), "turns: 0 of 120, 0.0 a second");
  EXPECT_EQ(progress_text("turns", 120, 120, 6), "turns: 120 of 120, 20 a second");
  EXPECT_EQ(progress_text("reads", 5000, 0, 10), "reads: 5000, 500 a second");
}

/// What `work` shows in a terminal.
template <class Work>
std::string shown_by(Work work) {
  int terminal = -1;
  auto pid = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  if (pid == 0) {
    work();
    ::_exit(0);
  }
  std::string shown;
  char bytes[1024];
  for (ssize_t got; (got = ::read(terminal, bytes, sizeof bytes)) > 0;)
    shown.append(bytes, static_cast<std::size_t>(got));
  ::waitpid(pid, nullptr, 0);
  ::close(terminal);
  return shown;
}

TEST(Progress, OfWorkThatIsSoonDoneIsNotShown) {
  EXPECT_THAT(shown_by([] {
                waiting("loading", [] {});
                progress_line line{"reading"};
                for (int i = 0; i < 1000; ++i) line.show(i, 1000);
              }),
              IsEmpty());
}

TEST(Progress, OfLongWorkIsALineThatIsTakenAway) {
  auto shown = shown_by([] { waiting("loading the model", [] { ::usleep(3'300'000); }); });
  EXPECT_THAT(shown, HasSubstr("\rloading the model: 3 s\033[K\r"));
  EXPECT_TRUE(shown.ends_with("\r\033[K")) << shown;
}

TEST(Progress, IsNotShownWhereNobodyLooks) {
  testing::internal::CaptureStderr();
  progress_line line{"reading"};
  waiting("loading", [] { ::usleep(2'200'000); });
  line.show(1, 2);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), IsEmpty());
}

}  // namespace
}  // namespace chromatin::io

// Counters as `stat` and `top` show them.

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "apps/flags/size.hpp"
#include "apps/top/frame.hpp"

namespace chromatin::top {
namespace {

using testing::HasSubstr;
using testing::Not;

sample at(double seconds, std::int64_t factor) {
  return {{{"scheduler",
            {{"turns_waiting", 12},
             {"turns_running", 3},
             {"turns_done", 10 * factor},
             {"turns_refused", 0},
             {"prompt_tokens_computed", 100 * factor},
             {"prompt_tokens_reused", 900 * factor},
             {"answer_tokens", 50 * factor}}},
           {"executor", {{"steps", 40 * factor}, {"compute_us", 500'000 * factor}}},
           {"disk-tier",
            {{"capacity_bytes", 64 << 20},
             {"used_bytes", 16 << 20},
             {"chunks", 7},
             {"hit_chunks", 20 * factor},
             {"missed_chunks", 1},
             {"evicted_chunks", 0},
             {"bytes_read", (1 << 20) * factor},
             {"bytes_written", 0}}},
           {"supervisor", {{"disk-tier_up", 1}, {"disk-tier_restarts", 0}, {"prefetcher_up", 1}}}},
          seconds};
}

TEST(Rates, AreAsecondSinceTheLastSample) {
  auto before = at(10, 1), now = at(12, 2);
  EXPECT_DOUBLE_EQ(rate_of(now, &before, "scheduler", "answer_tokens").value(), 25);
  EXPECT_DOUBLE_EQ(rate_of(now, &before, "disk-tier", "hit_chunks").value(), 10);
  EXPECT_FALSE(rate_of(now, nullptr, "scheduler", "answer_tokens"));
  EXPECT_FALSE(rate_of(now, &before, "scheduler", "turns_waiting")) << "it goes up and down";
  EXPECT_FALSE(rate_of(now, &before, "scheduler", "no_such"));
}

TEST(Rates, OfAPartThatWasStartedAgainAreNotKnown) {
  auto before = at(10, 5), now = at(12, 1);
  EXPECT_FALSE(rate_of(now, &before, "executor", "steps"));
}

TEST(StatJson, HasUnitsInItsNamesAndRatesBesideWhatCounts) {
  auto before = at(10, 1), now = at(12, 2);
  auto first = to_json(now, nullptr), second = to_json(now, &before);
  EXPECT_EQ(first["disk-tier"]["used_bytes"], 16 << 20);
  EXPECT_FALSE(first["scheduler"].contains("answer_tokens_per_s"));
  EXPECT_EQ(second["sample"]["since_last_s"], 2);
  EXPECT_EQ(second["scheduler"]["answer_tokens"], 100);
  EXPECT_EQ(second["scheduler"]["answer_tokens_per_s"], 25);
  EXPECT_FALSE(second["scheduler"].contains("turns_waiting_per_s"));
  EXPECT_EQ(second["supervisor"]["disk-tier_restarts_per_s"], 0);
}

TEST(Top, ShowsTiersQueueTokensReuseAndThatAllIsUp) {
  auto before = at(10, 1), now = at(12, 2);
  auto text = frame(now, &before, "top of a test", {});
  EXPECT_THAT(text, HasSubstr("turns   3 running, 12 waiting, 5.0 answered/s"));
  EXPECT_THAT(text, HasSubstr("prefill 50.0 tokens/s, decode 25.0 tokens/s"));
  EXPECT_THAT(text, HasSubstr("reuse   90.0 % of prompt tokens now"));
  EXPECT_THAT(text, HasSubstr("25.0 % busy, 20.0 steps/s"));
  EXPECT_THAT(text, testing::ContainsRegex("disk +16.0 MiB +64.0 MiB ███░░░░░░░ +7 +40 +10.0 +1 +0.0"));
  EXPECT_THAT(text, HasSubstr("512.0 KiB/s read"));
  EXPECT_THAT(text, HasSubstr("all are up"));
}

TEST(Top, NamesThePartsThatAreDownAndWhy) {
  auto now = at(10, 1);
  now.parts.back().values[0].second = 0;
  now.parts.back().notes = {"disk-tier is out: the disk answers nothing"};
  auto text = frame(now, nullptr, "t", {.columns = 200});
  EXPECT_THAT(text, HasSubstr("down: disk-tier\n"));
  EXPECT_THAT(text, HasSubstr("the disk answers nothing"));
  EXPECT_THAT(text, Not(HasSubstr("all are up")));
}

TEST(Top, FitsTheScreenWhateverItsMarks) {
  auto now = at(10, 1);
  now.parts.back().values[0].second = 0;
  auto text = frame(now, nullptr, std::string(300, 't'), {.columns = 20, .rows = 11, .colours = true});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 11);
  EXPECT_THAT(text, HasSubstr("\033[1m" + std::string(20, 't') + "\033[0m\n"));
}

TEST(Top, ATenantSeesItsOwn) {
  sample now{{{"tenant", {{"turns_under_way", 1}, {"turns_done", 4}, {"prompt_tokens", 70}, {"answer_tokens", 9}}}}, 2};
  sample before{{{"tenant", {{"turns_under_way", 0}, {"turns_done", 2}, {"prompt_tokens", 50}, {"answer_tokens", 0}}}},
                1};
  auto text = frame(now, &before, "t", {});
  EXPECT_THAT(text, HasSubstr("yours   1 turns under way, 4 answered (2.0/s)"));
  EXPECT_THAT(text, HasSubstr("70 of prompts (20.0/s)"));
  EXPECT_THAT(text, Not(HasSubstr("tier")));
}

TEST(Top, BytesHaveTheUnitThatTheyNeed) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(bytes_text(3.5 * (1ull << 40)), "3.5 TiB");
}

}  // namespace
}  // namespace chromatin::top

// All actors on a machine that is modelled.

#include "sim/machine/run.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sim/machine/machine_report.hpp"
#include "tests/support/reason.hpp"

namespace chromatin::sim {
namespace {

const std::filesystem::path root{CHROMATIN_SOURCE_DIR};

machine llama_13b(const changes& with = {}) { return read_machine(root / "assets/machines/llama-13b.toml", with); }

workload few_conversations(const std::string& count = "40") {
  auto w = read_workload(root / "assets/workloads/paper.toml", 1,
                         {{"conversations.count", count}, {"conversations.warm_up_turns", "0"}});
  choose_blocks(w, 512);
  return w;
}

/// Conversations of two turns, one begun after the other, that all come back after `back_s`. All turns are counted, or
/// those only that come back.
workload that_come_back(std::uint64_t count, std::uint32_t said, double back_s, bool all = true) {
  workload w{.title = "x", .warm_up_turns = all ? 0 : static_cast<std::uint32_t>(count)};
  for (std::uint64_t id = 1; id <= count; ++id) {
    auto begins = static_cast<std::int64_t>(id) * 1'000'000;
    w.conversations.push_back({id, {{.due_us = begins, .said_tokens = said, .answer_tokens = 2}}});
    w.conversations.back().turns.push_back(
        {.due_us = begins + static_cast<std::int64_t>(back_s * 1e6), .said_tokens = 64, .answer_tokens = 2});
  }
  return w;
}

/// A device with room for a window and no more: what comes back comes from below.
const changes small_device{{"device.gb", "3.2"}, {"compute.batch", "1"}};
changes operator+(changes a, const changes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::uint64_t hits(const machine_result& r, const std::string& tier) {
  for (const auto& t : r.tiers)
    if (t.tier == tier) return t.tokens;
  return 0;
}

TEST(Machine, EveryTurnIsAnswered) {
  auto w = few_conversations();
  auto r = simulate(w, llama_13b(), "lru");
  EXPECT_EQ(r.requests, w.turns());
  EXPECT_EQ(r.refused, 0U);
}

TEST(Machine, TheSameSeedMakesTheSameBytes) {
  auto once = [] {
    std::vector<machine_result> runs;
    for (const auto* policy : {"predictive", "lookahead"})
      runs.push_back(simulate(few_conversations(), llama_13b(small_device), policy, 50'000));
    return to_json(runs) + to_html(runs, "x") + text_table(runs);
  };
  EXPECT_EQ(once(), once());
}

TEST(Machine, TheFirstTokenOfALonelyTurnComesWhenItsPromptIsComputed) {
  auto m = llama_13b();
  auto r = simulate(that_come_back(1, 1024, 100), m, recompute);
  auto prompt_us = [&](double tokens) {
    return tokens * (m.prefill_us_per_token + tokens / 2000 * m.attention_us_per_token);
  };
  EXPECT_NEAR(r.ttft_ms.p50, prompt_us(1024) / 1e3, 0.01);
  EXPECT_NEAR(r.ttft_ms.p99, prompt_us(1024 + 2 + 64) / 1e3, 0.01);
  EXPECT_NEAR(r.prefill_gpu_s, 4 * (prompt_us(1024) + prompt_us(1090)) / 1e6, 1e-3);
}

TEST(Machine, WhatIsReusedIsNotComputed) {
  auto r = simulate(that_come_back(1, 1024, 100), llama_13b(), "lru");
  EXPECT_EQ(r.reusable_tokens, 1025U) << "the last token of an answer was never an input";
  EXPECT_EQ(r.reused_tokens, 1025U);
  EXPECT_EQ(r.full_hits, 1U);
  EXPECT_EQ(hits(r, "device"), 1025U);
}

TEST(Machine, RecomputingReusesNothingAndTakesTheGpuLonger) {
  auto w = few_conversations();
  auto anew = simulate(w, llama_13b(), recompute), kept = simulate(w, llama_13b(), "lru");
  EXPECT_EQ(anew.reused_tokens, 0U);
  EXPECT_GT(kept.hit_token_share(), .9);
  EXPECT_GT(anew.prefill_gpu_s, 2 * kept.prefill_gpu_s);
  EXPECT_EQ(anew.host_dollars + anew.disk_dollars, 0);
  EXPECT_GT(kept.host_dollars, 0);
}

TEST(Machine, TrueBytesMoveThoughThePagesAreTiny) {
  auto m = llama_13b(small_device);
  auto r = simulate(that_come_back(4, 2048, 1000), m, "lru");
  auto history = 2048.0 * m.kv_bytes_per_token;
  EXPECT_NEAR(r.to_device_bytes, 4 * history, .03 * 4 * history) << "each comes back once";
  EXPECT_NEAR(r.to_host_bytes, 4 * history, .06 * 4 * history) << "a new chunk and two tails more";
  EXPECT_GT(r.disk_written_bytes, 4 * history) << "written through";
}

TEST(Machine, ALoadTakesWhatTheLinkTakesAndHidesBehindComputing) {
  auto loads = small_device + changes{{"reuse.recomputes", "false"}};
  auto first_token_ms = [&](const changes& with) {
    return simulate(that_come_back(4, 3800, 1000, false), llama_13b(loads + with), "lru").ttft_ms.p50;
  };
  auto load_ms = 3800 * .78 / 26, turn_ms = 64 * (35 + 3.8 * 1.1) / 1e3;
  auto by_layer = first_token_ms({}), whole = first_token_ms({{"reuse.layerwise_loading", "false"}});
  EXPECT_GT(by_layer, load_ms);
  EXPECT_LT(by_layer, load_ms + 1) << "all but a layer's time hides";
  EXPECT_NEAR(whole, load_ms + turn_ms, 1);
  EXPECT_NEAR(first_token_ms({{"link.to_device_gb_per_s", "13"}}), 2 * by_layer, 1);
}

TEST(Machine, OfASlowDiskLittleMoreIsReadThanIsUsed) {
  auto w = read_workload(
      root / "assets/workloads/paper.toml", 1,
      {{"conversations.count", "100"}, {"conversations.think_s", "600"}, {"conversations.warm_up_turns", "0"}});
  choose_blocks(w, 512);
  auto m =
      llama_13b({{"device.gb", "30"}, {"host.gb", "8"}, {"reuse.device_keeps", "false"}, {"reuse.exact", "false"}});
  auto chosen = simulate(w, m, "lru");
  EXPECT_LT(chosen.ttft_ms.mean, .8 * simulate(w, m, recompute).ttft_ms.mean);
  auto used_bytes = static_cast<double>(hits(chosen, "disk")) * m.kv_bytes_per_token;
  EXPECT_LT(chosen.disk_read_bytes, 4 * used_bytes) << "an order ahead of need is not for what the turn will compute";
}

TEST(Machine, ASlowDiskIsNeverSlowerThanRecomputing) {
  auto on = [](const char* gb_per_s, const char* policy) {
    auto m = llama_13b(small_device + changes{{"host.gb", "4"}, {"disk.read_gb_per_s", gb_per_s}});
    return simulate(that_come_back(30, 2048, 1000, false), m, policy).prefill_ms.p50;
  };
  EXPECT_LT(on("50", "lru"), .8 * on("50", recompute));
  EXPECT_LT(on("0.2", "lru"), 1.1 * on("0.2", recompute));
}

TEST(Machine, SavingThatIsWaitedForTakesTimeAndOtherwiseDoesNot) {
  auto waits = [](const changes& with) {
    return simulate(that_come_back(4, 2048, 1000), llama_13b(with), "lru").save_wait_gpu_s;
  };
  EXPECT_EQ(waits({}), 0);
  EXPECT_GT(waits({{"reuse.asynchronous_saving", "false"}}), 0);
}

TEST(Machine, WhatATruncationInvalidatesIsComputedAgain) {
  workload w{.title = "x", .conversations = {{1, {}}}};
  for (int i = 0; i < 12; ++i)
    w.conversations[0].turns.push_back(
        {.due_us = 10'000'000, .after_answer = i > 0, .said_tokens = 600, .answer_tokens = 200});
  auto valid = simulate(w, llama_13b(), "lru");
  auto invalid = simulate(w, llama_13b({{"reuse.valid_over_truncation", "false"}}), "lru");
  EXPECT_GT(valid.hit_token_share(), .98);
  EXPECT_LT(invalid.hit_token_share(), valid.hit_token_share() - .1);
  EXPECT_EQ(valid.requests, invalid.requests);
}

TEST(Machine, ATierThatIsNotThereIsDoneWithout) {
  auto w = that_come_back(6, 2048, 1000);
  auto no_disk = simulate(w, llama_13b(small_device + changes{{"disk.gb", "0"}, {"host.gb", "4"}}), "lru");
  EXPECT_EQ(hits(no_disk, "disk"), 0U);
  EXPECT_EQ(no_disk.disk_written_bytes, 0);
  auto no_host = simulate(w, llama_13b(small_device + changes{{"host.gb", "0"}}), "lru");
  EXPECT_EQ(no_host.capacity_tokens, 0U) << "a disk is reached through host memory";
  EXPECT_EQ(no_host.to_host_bytes, 0);
  EXPECT_EQ(no_host.requests, 12U);
  EXPECT_EQ(simulate(w, llama_13b(small_device), "lru", 1).capacity_tokens, 0U) << "less than a chunk";
}

TEST(Machine, ACapacityIsSharedByHostAndDisk) {
  auto w = that_come_back(6, 2048, 1000);
  EXPECT_EQ(simulate(w, llama_13b(small_device), "lru", 64'000).capacity_tokens, 64'000U);
  auto starved = simulate(w, llama_13b(small_device), "lru", 4'096);
  auto rich = simulate(w, llama_13b(small_device), "lru", 64'000);
  EXPECT_LT(starved.reused_tokens, rich.reused_tokens / 2);
}

TEST(Machine, APolicyThatDoesNotHearTheQueueIsTheOneBeneathIt) {
  auto w = that_come_back(12, 2048, 1000);
  for (auto& c : w.conversations) c.turns[1].due_us = 1'000'000'000;  // all at once
  auto reused = [&](const char* policy, const changes& with) {
    return simulate(w, llama_13b(small_device + with), policy, 14'000).reused_tokens;
  };
  auto lru = reused("lru", {});
  EXPECT_EQ(reused("lookahead", {{"reuse.policies_hear_queue", "false"}}), lru);
  EXPECT_GT(reused("lookahead", {}), lru);
}

TEST(Machine, WhoFindsTheQueueFullComesInLater) {
  workload w{.title = "x"};
  for (std::uint64_t id = 1; id <= 1100; ++id)
    w.conversations.push_back({id, {{.due_us = 1, .said_tokens = 64, .answer_tokens = 1}}});
  auto r = simulate(w, llama_13b(), "lru");
  EXPECT_EQ(r.requests, 1100U);
  EXPECT_EQ(r.refused, 0U);
  EXPECT_GT(r.ttft_ms.p99, 1.9 * r.ttft_ms.p50) << "who waits outside waits, too";
}

TEST(Machine, ADeviceThatKeepsNothingHoldsWhoRuns) {
  auto w = that_come_back(60, 2048, 1000);
  EXPECT_GT(hits(simulate(w, llama_13b(), "lru"), "device"), 0U);
  auto r = simulate(w, llama_13b({{"reuse.device_keeps", "false"}, {"compute.batch", "4"}}), "lru");
  EXPECT_EQ(hits(r, "device"), 0U);
  EXPECT_EQ(r.hit_token_share(), 1);
}

TEST(Machine, ADeviceWithoutRoomForAWindowIsRefusedInOneLine) {
  auto why = test::reason([] { simulate(few_conversations(), llama_13b({{"device.gb", "1"}}), "lru"); });
  EXPECT_THAT(why, ::testing::HasSubstr("device.gb 1 holds"));
  EXPECT_THAT(why, ::testing::HasSubstr("--set device.gb="));
  EXPECT_EQ(why.find('\n'), std::string::npos);
}

TEST(Machine, AWindowLargerThanWhatIsSaidIsNeverFull) {
  auto r = simulate(few_conversations(), llama_13b({{"model.context_tokens", "40000"}}), "lru");
  EXPECT_GT(r.hit_token_share(), .98);
}

TEST(Machine, ATraceOfBlocksReusesWhatAFlatReplayDoes) {
  auto t = read_trace(root / "tests/data/traces/mooncake_conversation.jsonl.gz");
  auto w = workload_of(*t, "mooncake");
  w.conversations.resize(400);
  std::uint64_t reusable = 0, seen = 0;
  std::set<std::uint64_t> blocks;
  for (const auto& c : w.conversations) {
    bool run = true;
    for (auto b : c.turns[0].blocks) run = run && blocks.contains(b), seen += run ? 512 : 0;
    blocks.insert(c.turns[0].blocks.begin(), c.turns[0].blocks.end());
    reusable += c.turns[0].said_tokens;
  }
  // A fast machine: who asks for what somebody computes just now finds it.
  auto r = simulate(w,
                    llama_13b({{"compute.prefill_us_per_token", "0.1"},
                               {"compute.attention_us_per_token", "0"},
                               {"compute.decode_us", "10"},
                               {"device.gb", "9000"}}),
                    "lru");
  EXPECT_EQ(r.requests, 400U);
  EXPECT_NEAR(r.hit_token_share(), static_cast<double>(seen) / static_cast<double>(reusable), .01);
}

TEST(Machine, TheReportHasWhatOthersScript) {
  std::vector<machine_result> runs{simulate(that_come_back(2, 500, 100), llama_13b(), "lru")};
  auto run = nlohmann::json::parse(to_json(runs))["runs"][0];
  for (const auto* key : {"policy", "capacity_tokens", "requests", "hit_token_share", "full_hit_share"})
    EXPECT_TRUE(run.contains(key)) << key;
  for (const auto* key : {"mean", "p50", "p99"}) EXPECT_GT(run["ttft_ms"][key], 0) << key;
  EXPECT_GT(run["tiers"]["device"]["hit_tokens"], 0);
  EXPECT_THAT(to_html(runs, "<x>"), ::testing::HasSubstr("<p>&lt;x"));
}

TEST(Machine, PercentilesAreByTheNearestRank) {
  std::vector<double> values;
  for (int i = 100; i > 0; --i) values.push_back(i);
  EXPECT_EQ(distribution_of(values).p50, 50);
  EXPECT_EQ(distribution_of(values).p99, 99);
  EXPECT_EQ(distribution_of(values).mean, 50.5);
  EXPECT_EQ(distribution_of({}).p99, 0);
}

}  // namespace
}  // namespace chromatin::sim

// All actors on a machine that is modelled.

#include "sim/machine/run.hpp"

#include <gtest/gtest.h>

#include "sim/machine/machine_report.hpp"

namespace chromatin::sim {
namespace {

const std::filesystem::path assets = std::filesystem::path{CHROMATIN_SOURCE_DIR} / "assets";

machine llama_13b(const changes& with = {}) { return read_machine(assets / "machines/llama-13b.toml", with); }

workload few_conversations(const std::string& count = "40") {
  auto w = read_workload(assets / "workloads/paper.toml", 1,
                         {{"conversations.count", count}, {"conversations.warm_up_turns", "0"}});
  choose_blocks(w, 512);
  return w;
}

TEST(Machine, EveryTurnIsAnswered) {
  auto w = few_conversations();
  auto r = simulate(w, llama_13b(), "lru");
  EXPECT_EQ(r.requests, w.turns());
  EXPECT_EQ(r.refused, 0U);
  EXPECT_GT(r.ttft_ms.mean, 0);
}

TEST(Machine, TheSameSeedMakesTheSameBytes) {
  auto once = [] {
    std::vector<machine_result> runs{simulate(few_conversations(), llama_13b(), "predictive", 50'000)};
    return to_json(runs) + to_html(runs, "x") + text_table(runs);
  };
  EXPECT_EQ(once(), once());
}

}  // namespace
}  // namespace chromatin::sim

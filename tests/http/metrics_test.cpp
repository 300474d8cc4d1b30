// Counters as Prometheus, its alerts and a dashboard see them.

#include "http/metrics.hpp"

#include <set>

#include <gmock/gmock.h>

#include "tests/http/fixture.hpp"
#include "tests/support/document.hpp"
#include "tests/support/pattern.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

std::set<std::string> names_in(const std::string& text) {
  static const pattern name{"chromatin_[a-z0-9_]+"};
  std::set<std::string> all;
  for (const auto& found : name.all_in(text)) all.insert(found[0]);
  return all;
}

class Metrics : public HttpServer {
 protected:
  std::string scrape() {
    auto r = get("/metrics");
    EXPECT_EQ(r.status, 200);
    EXPECT_EQ(r.header("Content-Type"), "text/plain; version=0.0.4");
    return r.body;
  }
};

TEST(MetricsText, CountersHaveTypesHelpAndSeconds) {
  auto text = http::to_metrics({{"gateway", {{"turns_done", 3}}},
                                {"host-tier", {{"used_bytes", 5}}},
                                {"disk-tier", {{"used_bytes", 7}}},
                                {"executor", {{"compute_us", 1'500'000}}},
                                {"scheduler", {{"prefill_us_per_token", 250}}},
                                {"supervisor", {{"disk-tier_up", 0}, {"disk-tier_restarts", 2}}}});
  EXPECT_THAT(text, HasSubstr("# HELP chromatin_gateway_turns_done_total Turns that were answered.\n"
                              "# TYPE chromatin_gateway_turns_done_total counter\n"
                              "chromatin_gateway_turns_done_total 3\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE chromatin_tier_used_bytes gauge\n"
                              "chromatin_tier_used_bytes{tier=\"host\"} 5\n"
                              "chromatin_tier_used_bytes{tier=\"disk\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("chromatin_executor_compute_seconds_total 1.5\n"));
  EXPECT_THAT(text, HasSubstr("chromatin_scheduler_prefill_seconds_per_token 0.00025\n"));
  EXPECT_THAT(text, HasSubstr("chromatin_part_up{part=\"disk-tier\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("chromatin_part_restarts_total{part=\"disk-tier\"} 2\n"));
}

TEST_F(Metrics, EveryCounterOfTheSystemHasAHelpAndAType) {
  start();
  json said = json::array();
  turn(said, taxi);
  std::istringstream lines{scrape()};
  std::set<std::string> told;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) told.insert(line.substr(7, line.find(' ', 7) - 7));
    if (line.starts_with('#')) continue;
    EXPECT_TRUE(told.contains(line.substr(0, line.find_first_of("{ ")))) << line;
  }
  EXPECT_GT(told.size(), 50u);
  EXPECT_TRUE(told.contains("chromatin_door_connections_total"));
}

TEST_F(Metrics, AlertsAndTheDashboardNameOnlyWhatThereIs) {
  start();
  auto there = names_in(scrape());
  for (auto file : {"assets/monitoring/alerts.yml", "assets/monitoring/grafana.json"})
    for (const auto& name : names_in(content_of(file))) EXPECT_TRUE(there.contains(name)) << file << ": " << name;
  auto dashboard = json::parse(content_of("assets/monitoring/grafana.json"));
  EXPECT_GT(dashboard["panels"].size(), 10u);
}

}  // namespace
}  // namespace chromatin::test

// Debian's Prometheus over the metrics of the real binary, the alerts and the queries of the dashboard. Skipped where
// apt does not bring it.

#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "io/free_ports.hpp"
#include "tests/clients/serving.hpp"
#include "tests/http/http_client.hpp"
#include "tests/support/document.hpp"
#include "tests/support/shell.hpp"

namespace chromatin::test {
namespace {

const std::string rules = CHROMATIN_SOURCE_DIR "/assets/monitoring/alerts.yml";

struct debian_package {
  std::string bin;      ///< the folder of its programs, with a slash behind it; empty: where the shell finds them
  std::string missing;  ///< why there are none; empty if there are
};

/// What is installed, or Debian's package, unpacked in a folder of the build that stays: installed by apt it would
/// start a server of its own.
debian_package prometheus() {
  if (there_is("prometheus") && there_is("promtool")) return {};
  std::string folder = CHROMATIN_BUILD_DIR "/prometheus";
  auto [status, text] = outcome_of("mkdir -p " + folder + " && cd " + folder +
                                   " && exec flock lock sh -c 'test -e unpacked || { timeout 120 apt-get -qq download "
                                   "prometheus && dpkg -x prometheus_*.deb . && rm prometheus_*.deb && touch unpacked; "
                                   "} && usr/bin/promtool --version'");
  if (status != 0) return {{}, "apt does not bring Debian's package prometheus: " + text};
  return {folder + "/usr/bin/", {}};
}

std::uint16_t port_in(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

std::string body_of(std::uint16_t port, const std::string& method, const std::string& path,
                    const std::string& body = {}) {
  http_connection to{port};
  to.send(http_request(method, path, body));
  return to.reply().body;
}

std::string escaped(const std::string& text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string all;
  for (unsigned char c : text) all += {'%', digits[c >> 4], digits[c & 15]};
  return all;
}

/// Every query of the dashboard for Grafana, as Grafana sends them.
std::set<std::string> queries_of_the_dashboard() {
  std::set<std::string> all;
  auto dashboard = nlohmann::json::parse(content_of("assets/monitoring/grafana.json"));
  for (const auto& panel : dashboard["panels"])
    for (const auto& target : panel["targets"]) {
      auto query = target["expr"].get<std::string>();
      for (const auto& [name, value] : {std::pair<std::string, std::string>{"$__rate_interval", "30s"},
                                        std::pair<std::string, std::string>{"$instance", ".*"}})
        for (auto at = query.find(name); at != query.npos; at = query.find(name)) query.replace(at, name.size(), value);
      all.insert(query);
    }
  return all;
}

class Prometheus : public testing::Test {
 protected:
  void SetUp() override {
    if (!package_.missing.empty()) GTEST_SKIP() << package_.missing;
    server_.emplace(std::vector<std::string>{"--dna", dna_.path().string()});
    auto address = server_->address();
    port_ = port_in(address.substr(0, address.rfind('/')));
    body_of(port_, "POST", "/v1/chat/completions",
            R"({"messages": [{"role": "user", "content": "I need a taxi at six."}], "max_tokens": 4})");
  }

  /// Begins to scrape and to evaluate the alerts, five times a second.
  void scrape() {
    std::ofstream{folder_ / "prometheus.yml"}
        << "global: {scrape_interval: 200ms, evaluation_interval: 200ms}\nrule_files: ['" << rules
        << "']\nscrape_configs: [{job_name: chromatin, static_configs: [{targets: ['127.0.0.1:" << port_ << "']}]}]\n";
    own_port_ = io::free_ports(1).front();
    program_ = std::make_unique<io::child_process>(
        std::vector<std::string>{"/usr/bin/env", package_.bin + "prometheus",
                                 "--config.file=" + (folder_ / "prometheus.yml").string(),
                                 "--storage.tsdb.path=" + (folder_ / "data").string(),
                                 "--web.listen-address=127.0.0.1:" + std::to_string(own_port_)},
        folder_ / "prometheus.log");
    ASSERT_TRUE(program_->wait_for("Server is ready", std::chrono::seconds{20})) << program_->said();
  }
  nlohmann::json api(const std::string& path) {
    return nlohmann::json::parse(body_of(own_port_, "GET", "/api/v1/" + path))["data"];
  }
  nlohmann::json result_of(const std::string& query) { return api("query?query=" + escaped(query))["result"]; }
  /// Waits until a query has an answer; it looks for targets only every five seconds.
  bool answers(const std::string& query) {
    for (int i = 0; i < 300; ++i) {
      if (!result_of(query).empty()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
    return false;
  }

  debian_package package_ = prometheus();
  temporary_folder folder_;
  temporary_folder dna_;
  std::optional<serving> server_;
  std::uint16_t port_ = 0, own_port_ = 0;
  std::unique_ptr<io::child_process> program_;
};

TEST_F(Prometheus, FindsNothingToSayAboutMetricsAndAlerts) {
  std::ofstream{folder_ / "metrics"} << body_of(port_, "GET", "/metrics");
  for (const auto& check : {"metrics < " + (folder_ / "metrics").string(), "rules " + rules}) {
    auto [status, text] = outcome_of(package_.bin + "promtool check " + check);
    EXPECT_EQ(status, 0) << text;
  }
}

TEST_F(Prometheus, ScrapesAServerAndHasWhatAlertsAndTheDashboardAskFor) {
  ASSERT_NO_FATAL_FAILURE(scrape());
  ASSERT_TRUE(answers("rate(chromatin_gateway_turns_done_total[30s])")) << api("targets");
  EXPECT_EQ(api("targets")["activeTargets"][0]["lastError"], "");
  EXPECT_EQ(result_of("up{job=\"chromatin\"}")[0]["value"][1], "1");
  EXPECT_EQ(result_of("chromatin_gateway_turns_done_total")[0]["value"][1], "1");
  for (const auto& query : queries_of_the_dashboard()) EXPECT_FALSE(result_of(query).empty()) << query;
  auto groups = api("rules")["groups"];
  ASSERT_FALSE(groups.empty());
  for (const auto& rule : groups[0]["rules"]) {
    EXPECT_EQ(rule["health"], "ok") << rule;
    EXPECT_EQ(rule["state"], "inactive") << rule;
  }
}

}  // namespace
}  // namespace chromatin::test

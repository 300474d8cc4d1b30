#include "sim/machine/machine_report.hpp"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "sim/chart.hpp"

namespace chromatin::sim {
namespace {

using results = std::span<const machine_result>;

double share_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// A row of tables: its name and what it says of a run.
struct row {
  std::string name;
  std::function<std::string(const machine_result&)> cell;
};

std::string number(double value, int digits) { return fmt::format("{:.{}f}", value, digits); }

double tokens_from(const machine_result& r, std::string_view tier) {
  auto found = std::find_if(r.tiers.begin(), r.tiers.end(), [&](const auto& t) { return t.tier == tier; });
  return found == r.tiers.end() ? 0 : 100 * share_of(found->tokens, r.reusable_tokens);
}

const std::vector<row>& rows() {
  static const std::vector<row> all{
      {"machine", [](const auto& r) { return r.machine; }},
      {"policy", [](const auto& r) { return r.policy; }},
      {"cache, thousand tokens", [](const auto& r) { return number(static_cast<double>(r.capacity_tokens) / 1e3, 0); }},
      {"requests", [](const auto& r) { return std::to_string(r.requests); }},
      {"refused", [](const auto& r) { return std::to_string(r.refused); }},
      {"reused, % of reusable tokens", [](const auto& r) { return number(100 * r.hit_token_share(), 1); }},
      {"  from the device", [](const auto& r) { return number(tokens_from(r, "device"), 1); }},
      {"  from host memory", [](const auto& r) { return number(tokens_from(r, "host"), 1); }},
      {"  from disk", [](const auto& r) { return number(tokens_from(r, "disk"), 1); }},
      {"    of these, raised ahead of need",
       [](const auto& r) { return number(100 * share_of(r.raised_tokens, r.reusable_tokens), 1); }},
      {"turns that found all, % of all turns",
       [](const auto& r) { return number(100 * share_of(r.full_hits, r.requests), 1); }},
      {"  of those with a history, %", [](const auto& r) { return number(100 * r.full_hit_share(), 1); }},
      {"time to first token, mean ms", [](const auto& r) { return number(r.ttft_ms.mean, 1); }},
      {"  p50 ms", [](const auto& r) { return number(r.ttft_ms.p50, 1); }},
      {"  p99 ms", [](const auto& r) { return number(r.ttft_ms.p99, 1); }},
      {"  without the queue, mean ms", [](const auto& r) { return number(r.prefill_ms.mean, 1); }},
      {"prompt tokens a second of prefill", [](const auto& r) { return number(r.prefill_tokens_per_s(), 0); }},
      {"GPU seconds", [](const auto& r) { return number(r.gpu_s(), 0); }},
      {"  prefill", [](const auto& r) { return number(r.prefill_gpu_s, 0); }},
      {"  decode", [](const auto& r) { return number(r.decode_gpu_s, 0); }},
      {"  waiting for loads", [](const auto& r) { return number(r.load_wait_gpu_s, 0); }},
      {"  waiting for saves", [](const auto& r) { return number(r.save_wait_gpu_s, 0); }},
      {"GB to the device", [](const auto& r) { return number(r.to_device_bytes / 1e9, 0); }},
      {"GB to the host", [](const auto& r) { return number(r.to_host_bytes / 1e9, 0); }},
      {"GB read from disk", [](const auto& r) { return number(r.disk_read_bytes / 1e9, 0); }},
      {"GB written to disk", [](const auto& r) { return number(r.disk_written_bytes / 1e9, 0); }},
      {"dollars", [](const auto& r) { return number(r.dollars(), 2); }},
      {"  GPUs", [](const auto& r) { return number(r.gpu_dollars, 2); }},
      {"  host memory", [](const auto& r) { return number(r.host_dollars, 2); }},
      {"  disk", [](const auto& r) { return number(r.disk_dollars, 2); }},
      {"simulated seconds", [](const auto& r) { return number(r.simulated_s, 0); }},
  };
  return all;
}

nlohmann::ordered_json tiers_of(const machine_result& r) {
  auto tiers = nlohmann::ordered_json::object();
  for (const auto& t : r.tiers)
    tiers[t.tier] = {{"hit_tokens", t.tokens}, {"hit_share", share_of(t.tokens, r.reusable_tokens)}};
  return tiers;
}

/// Runs that differ in the capacity only, as a line each.
chart over_capacity(results runs, const std::string& y_name, const std::function<double(const machine_result&)>& y) {
  chart c{.x_name = "capacity below the device, thousand tokens", .y_name = y_name, .x_is_logarithmic = true};
  for (const auto& r : runs) {
    auto name = r.machine + ", " + r.policy;
    auto line = std::find_if(c.lines.begin(), c.lines.end(), [&](const auto& l) { return l.name == name; });
    if (line == c.lines.end()) line = c.lines.insert(c.lines.end(), {name, {}});
    line->points.emplace_back(static_cast<double>(r.capacity_tokens) / 1e3, y(r));
  }
  for (auto& line : c.lines) std::sort(line.points.begin(), line.points.end());
  return c;
}

chart over_time(results runs) {
  chart c{.x_name = "% of the requests", .y_name = "reused, % of reusable tokens"};
  for (const auto& r : runs) {
    chart::line line{fmt::format("{}, {}", r.policy, r.capacity_tokens / 1000), {}};
    auto parts = static_cast<double>(r.hit_share_over_time.size());
    for (std::size_t i = 0; i < r.hit_share_over_time.size(); ++i)
      line.points.emplace_back(100 * (static_cast<double>(i) + 0.5) / parts, 100 * r.hit_share_over_time[i]);
    c.lines.push_back(std::move(line));
  }
  return c;
}

}  // namespace

std::string text_table(results runs) {
  std::string out;
  for (const auto& row : rows()) {
    out += fmt::format("{:<36}", row.name);
    for (const auto& r : runs) out += fmt::format("{:>14}", row.cell(r));
    out += '\n';
  }
  for (const auto& r : runs)
    if (r.refused > 0) out += fmt::format("{}, {}: turns were refused: {}\n", r.machine, r.policy, r.why_refused);
  return out;
}

std::string to_json(results runs) {
  nlohmann::ordered_json all{{"runs", nlohmann::ordered_json::array()}};
  for (const auto& r : runs) {
    auto spread = [](const distribution& d) {
      return nlohmann::ordered_json{{"mean", d.mean}, {"p50", d.p50}, {"p99", d.p99}};
    };
    all["runs"].push_back({{"machine", r.machine},
                           {"policy", r.policy},
                           {"capacity_tokens", r.capacity_tokens},
                           {"requests", r.requests},
                           {"refused", r.refused},
                           {"hit_token_share", r.hit_token_share()},
                           {"full_hit_share", r.full_hit_share()},
                           {"ttft_ms", spread(r.ttft_ms)},
                           {"prefill_ms", spread(r.prefill_ms)},
                           {"tiers", tiers_of(r)},
                           {"reusable_tokens", r.reusable_tokens},
                           {"reused_tokens", r.reused_tokens},
                           {"raised_tokens", r.raised_tokens},
                           {"prompt_tokens", r.prompt_tokens},
                           {"computed_tokens", r.computed_tokens},
                           {"answer_tokens", r.answer_tokens},
                           {"prefill_tokens_per_s", r.prefill_tokens_per_s()},
                           {"gpu_s",
                            {{"prefill", r.prefill_gpu_s},
                             {"decode", r.decode_gpu_s},
                             {"load_wait", r.load_wait_gpu_s},
                             {"save_wait", r.save_wait_gpu_s}}},
                           {"bytes",
                            {{"to_device", r.to_device_bytes},
                             {"to_host", r.to_host_bytes},
                             {"disk_read", r.disk_read_bytes},
                             {"disk_written", r.disk_written_bytes}}},
                           {"dollars", {{"gpu", r.gpu_dollars}, {"host", r.host_dollars}, {"disk", r.disk_dollars}}},
                           {"simulated_s", r.simulated_s},
                           {"hit_share_over_time", r.hit_share_over_time}});
  }
  return all.dump(2) + "\n";
}

std::string to_html(results runs, const std::string& title) {
  std::string table;
  for (const auto& row : rows()) {
    table += "<tr><td>" + escape(row.name) + "</td>";
    for (const auto& r : runs) table += "<td>" + escape(row.cell(r)) + "</td>";
    table += "</tr>";
  }
  auto page =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>chromatin simulate</title>" +
      std::string{chart::page_style} + "</head><body><h1>chromatin simulate</h1><p>" + escape(title) + "</p><table>" +
      table + "</table>";
  auto differs = [&](const auto& r) { return r.capacity_tokens != runs.front().capacity_tokens; };
  if (std::any_of(runs.begin(), runs.end(), differs)) {
    page += "<h2>Reused, by capacity</h2>" + over_capacity(runs, "reused, % of reusable tokens", [](const auto& r) {
                                               return 100 * r.hit_token_share();
                                             }).svg();
    page += "<h2>Time to first token, by capacity</h2>" +
            over_capacity(runs, "mean, ms", [](const auto& r) { return r.ttft_ms.mean; }).svg();
    page +=
        "<h2>Cost, by capacity</h2>" + over_capacity(runs, "dollars", [](const auto& r) { return r.dollars(); }).svg();
  }
  std::vector<std::string> machines;
  for (const auto& r : runs)
    if (std::find(machines.begin(), machines.end(), r.machine) == machines.end()) machines.push_back(r.machine);
  for (const auto& name : machines) {
    std::vector<machine_result> of;
    for (const auto& r : runs)
      if (r.machine == name) of.push_back(r);
    page += fmt::format("<h2>{}: reused, over time</h2>", escape(name)) + over_time(of).svg();
  }
  return page + "</body></html>\n";
}

}  // namespace chromatin::sim

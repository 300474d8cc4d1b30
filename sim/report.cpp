#include "sim/report.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "sim/chart.hpp"

namespace chromatin::sim {
namespace {

/// Without repetition, in the order of the runs or of size.
std::vector<std::string> policies_of(std::span<const run_result> runs) {
  std::vector<std::string> names;
  for (const auto& r : runs)
    if (std::find(names.begin(), names.end(), r.policy) == names.end()) names.push_back(r.policy);
  return names;
}

std::vector<std::uint64_t> capacities_of(std::span<const run_result> runs) {
  std::vector<std::uint64_t> capacities;
  for (const auto& r : runs) capacities.push_back(r.capacity_tokens);
  std::sort(capacities.begin(), capacities.end());
  capacities.erase(std::unique(capacities.begin(), capacities.end()), capacities.end());
  return capacities;
}

const run_result* find(std::span<const run_result> runs, const std::string& policy, std::uint64_t capacity_tokens) {
  auto at = std::find_if(runs.begin(), runs.end(),
                         [&](const auto& r) { return r.policy == policy && r.capacity_tokens == capacity_tokens; });
  return at == runs.end() ? nullptr : &*at;
}

chart share_over_capacity(std::span<const run_result> runs) {
  chart c{.x_name = "capacity, thousand tokens", .y_name = "reused, % of reusable tokens", .x_is_logarithmic = true};
  for (const auto& policy : policies_of(runs)) {
    chart::line line{policy, {}};
    for (auto capacity : capacities_of(runs))
      if (const auto* r = find(runs, policy, capacity))
        line.points.emplace_back(static_cast<double>(capacity) / 1e3, 100 * r->hit_token_share());
    c.lines.push_back(std::move(line));
  }
  return c;
}

chart share_over_time(std::span<const run_result> runs, std::uint64_t capacity_tokens) {
  chart c{.x_name = "% of the trace's requests", .y_name = "reused, % of reusable tokens"};
  for (const auto& policy : policies_of(runs)) {
    const auto* r = find(runs, policy, capacity_tokens);
    if (!r) continue;
    chart::line line{policy, {}};
    auto parts = static_cast<double>(r->hit_share_over_time.size());
    for (std::size_t i = 0; i < r->hit_share_over_time.size(); ++i)
      line.points.emplace_back(100 * (static_cast<double>(i) + 0.5) / parts, 100 * r->hit_share_over_time[i]);
    c.lines.push_back(std::move(line));
  }
  return c;
}

}  // namespace

std::string text_table(std::span<const run_result> runs) {
  auto out = fmt::format("{:<12}", "capacity");
  for (auto capacity : capacities_of(runs)) out += fmt::format("{:>12}", capacity);
  out += '\n';
  for (const auto& policy : policies_of(runs)) {
    out += fmt::format("{:<12}", policy);
    for (auto capacity : capacities_of(runs)) {
      const auto* r = find(runs, policy, capacity);
      out += r ? fmt::format("{:>12.4f}", r->hit_token_share()) : fmt::format("{:>12}", "");
    }
    out += '\n';
  }
  return out;
}

std::string to_json(std::span<const run_result> runs) {
  nlohmann::ordered_json all{{"runs", nlohmann::ordered_json::array()}};
  for (const auto& r : runs)
    all["runs"].push_back({{"policy", r.policy},
                           {"capacity_tokens", r.capacity_tokens},
                           {"requests", r.requests},
                           {"hit_token_share", r.hit_token_share()},
                           {"full_hit_share", r.full_hit_share()},
                           {"ttft_ms", {{"mean", nullptr}, {"p50", nullptr}, {"p99", nullptr}}},
                           {"tiers",
                            {{"flat",
                              {{"hit_tokens", r.hit_tokens},
                               {"reusable_tokens", r.reusable_tokens},
                               {"inserted_tokens", r.inserted_tokens},
                               {"evicted_tokens", r.evicted_tokens}}}}},
                           {"hit_share_over_time", r.hit_share_over_time}});
  return all.dump(2) + "\n";
}

std::string to_svg(std::span<const run_result> runs) { return share_over_capacity(runs).svg(); }

std::string to_html(std::span<const run_result> runs, const std::string& title) {
  std::string rows = "<tr><th>capacity, tokens</th>";
  for (auto capacity : capacities_of(runs)) rows += fmt::format("<th>{}</th>", capacity);
  for (const auto& policy : policies_of(runs)) {
    rows += "</tr><tr><td>" + policy + "</td>";
    for (auto capacity : capacities_of(runs)) {
      const auto* r = find(runs, policy, capacity);
      rows += r ? fmt::format("<td>{:.2f} %</td>", 100 * r->hit_token_share()) : "<td></td>";
    }
  }
  auto page =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>chromatin simulate</title>" +
      std::string{chart::page_style} + "</head><body><h1>chromatin simulate</h1><p>" + escape(title) +
      "</p><h2>Reused, of what could be</h2><table>" + rows + "</tr></table>";
  if (capacities_of(runs).size() > 1) page += "<h2>By capacity</h2>" + share_over_capacity(runs).svg();
  for (auto capacity : capacities_of(runs))
    page += fmt::format("<h2>Over time, at {} tokens</h2>", capacity) + share_over_time(runs, capacity).svg();
  return page + "</body></html>\n";
}

}  // namespace chromatin::sim

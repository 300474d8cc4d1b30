#include "apps/replay/report_html.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "apps/replay/table.hpp"

namespace chromatin::replay {
namespace {

constexpr double chart_width = 720, chart_height = 260, left = 56, bottom = 34, top = 14, right = 14;

constexpr const char* style = R"svg(<style>
:root{--ink:#1d2330;--soft:#667085;--line:#d9dee7;--paper:#fff;--off:#c2410c;--on:#0f766e;--device:#0f766e;--host:#2563eb;--disk:#7c3aed;--none:#d97706}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#98a2b3;--line:#344054;--paper:#12161f;--off:#fb923c;--on:#2dd4bf;--device:#2dd4bf;--host:#60a5fa;--disk:#a78bfa;--none:#fbbf24}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:760px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.35rem;margin:0 0 .2rem}h2{font-size:1.02rem;margin:2rem 0 .4rem}p{color:var(--soft);margin:.2rem 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{padding:.28rem .5rem;border-bottom:1px solid var(--line);text-align:right}
td:first-child,th:first-child{text-align:left}td.part{padding-left:1.6rem;color:var(--soft)}svg{width:100%;height:auto}svg text{fill:var(--soft);font-size:12px}svg .key{fill:var(--ink)}
@media print{body{margin:0}h2,svg,tr{break-inside:avoid}h2,h2+p{break-after:avoid}rect,polyline{print-color-adjust:exact;-webkit-print-color-adjust:exact}}</style>)svg";

std::string escape(const std::string& text) {
  std::string out;
  for (char c : text) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : c == '>' ? "&gt;" : std::string(1, c);
  return out;
}

/// A round number not below `value`, for the end of an axis.
double nice_ceiling(double value) {
  if (value <= 0) return 1;
  auto unit = std::pow(10, std::floor(std::log10(value)));
  for (double factor : {1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0})
    if (value <= factor * unit) return factor * unit;
  return 10 * unit;
}

/// A frame with axes; values are placed with x() and y().
struct chart {
  double x_max, y_max;
  std::string body;

  double x(double value) const { return left + value / x_max * (chart_width - left - right); }
  double y(double value) const { return chart_height - bottom - value / y_max * (chart_height - bottom - top); }

  void key(const std::vector<std::pair<std::string, std::string>>& entries) {
    double at = left + 8;
    for (const auto& [name, colour] : entries) {
      body += fmt::format(
          R"svg(<rect x="{:.0f}" y="{}" width="10" height="10" fill="var(--{})"/><text class="key" x="{:.0f}" y="{}">{}</text>)svg",
          at, top - 6, colour, at + 14, top + 3, name);
      at += 30 + 7.2 * static_cast<double>(name.size());
    }
  }

  std::string svg(const std::string& x_name, const std::string& y_name) const {
    std::string grid;
    for (int i = 0; i <= 4; ++i) {
      auto value = y_max * i / 4;
      grid += fmt::format(
          R"svg(<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}" stroke="var(--line)"/><text x="{}" y="{:.1f}" text-anchor="end">{:.4g}</text>)svg",
          left, chart_width - right, y(value), y(value), left - 6, y(value) + 4, value);
      auto along = x_max * i / 4;
      grid += fmt::format(R"svg(<text x="{:.1f}" y="{}" text-anchor="middle">{:.3g}</text>)svg", x(along),
                          chart_height - bottom + 16, along);
    }
    return fmt::format(
        R"svg(<svg viewBox="0 0 {} {}" role="img">{}{}<text x="{}" y="{}" text-anchor="end">{}</text><text x="4" y="{}" transform="rotate(-90 12 {})" text-anchor="middle">{}</text></svg>)svg",
        chart_width, chart_height, grid, body, chart_width - right, chart_height - 3, x_name, chart_height / 2,
        chart_height / 2, y_name);
  }
};

using by_turn = std::map<std::uint32_t, std::vector<const turn_record*>>;

by_turn group(const run_result* run) {
  by_turn groups;
  if (run)
    for (const auto& t : run->turns) groups[t.turn].push_back(&t);
  return groups;
}

double mean_ms(const std::vector<const turn_record*>& turns) {
  double sum = 0;
  for (const auto* t : turns) sum += static_cast<double>(t->first_text_us) / 1e3;
  return sum / static_cast<double>(turns.size());
}

std::string polyline(const chart& c, const std::vector<std::pair<double, double>>& points, const std::string& colour) {
  std::string list;
  for (auto [px, py] : points) list += fmt::format("{:.1f},{:.1f} ", c.x(px), c.y(std::min(py, c.y_max)));
  return fmt::format(R"svg(<polyline points="{}" fill="none" stroke="var(--{})" stroke-width="2.2"/>)svg", list,
                     colour);
}

std::string chart_by_turn(const run_result* off, const run_result* on) {
  double x_max = 1, y_max = 0;
  std::vector<std::pair<std::string, std::vector<std::pair<double, double>>>> lines;
  for (auto [run, colour] : {std::pair{off, "off"}, std::pair{on, "on"}}) {
    std::vector<std::pair<double, double>> points;
    for (const auto& [turn, records] : group(run)) {
      points.emplace_back(turn, mean_ms(records));
      x_max = std::max(x_max, points.back().first);
      y_max = std::max(y_max, points.back().second);
    }
    if (!points.empty()) lines.emplace_back(colour, std::move(points));
  }
  chart c{x_max, nice_ceiling(y_max), {}};
  for (const auto& [colour, points] : lines) c.body += polyline(c, points, colour);
  c.key({{"without reuse", "off"}, {"with reuse", "on"}});
  return c.svg("turn of the sitting", "mean ms to first token");
}

std::string chart_sources(const run_result& run) {
  auto groups = group(&run);
  chart c{static_cast<double>(groups.empty() ? 1 : groups.rbegin()->first), 0, {}};
  std::map<std::uint32_t, std::array<double, 4>> means;
  for (const auto& [turn, records] : groups) {
    auto& m = means[turn];
    for (const auto* t : records) {
      for (std::size_t i = 0; i < cache_sources; ++i) m[i] += t->statistics.hit_tokens[i];
      m[3] += t->statistics.computed_tokens;
    }
    double sum = 0;
    for (auto& value : m) sum += value /= static_cast<double>(records.size());
    c.y_max = std::max(c.y_max, sum);
  }
  c.y_max = nice_ceiling(c.y_max);
  auto bar = 0.8 * (chart_width - left - right) / c.x_max;
  constexpr std::array colours{"device", "host", "disk", "none"};
  for (const auto& [turn, m] : means) {
    double base = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      auto y = c.y(base + m[i]), height = c.y(base) - y;
      c.body += fmt::format(R"svg(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="var(--{})"/>)svg",
                            c.x(turn - 0.9), y, bar, height, colours[i]);
      base += m[i];
    }
  }
  c.key({{"from device", "device"}, {"from host", "host"}, {"from disk", "disk"}, {"computed", "none"}});
  return c.svg("turn of the sitting", "prompt tokens, mean");
}

std::string chart_distribution(const run_result* off, const run_result* on) {
  double x_max = 0;
  std::vector<std::pair<std::string, std::vector<double>>> sorted;
  for (auto [run, colour] : {std::pair{off, "off"}, std::pair{on, "on"}}) {
    if (!run) continue;
    std::vector<double> values;
    for (const auto& t : run->turns) values.push_back(static_cast<double>(t.first_text_us) / 1e3);
    std::sort(values.begin(), values.end());
    if (values.empty()) continue;
    x_max = std::max(x_max, values[values.size() * 99 / 100]);
    sorted.emplace_back(colour, std::move(values));
  }
  chart c{nice_ceiling(x_max), 100, {}};
  for (const auto& [colour, values] : sorted) {
    std::vector<std::pair<double, double>> points;
    auto step = std::max<std::size_t>(1, values.size() / 200);
    for (std::size_t i = 0; i < values.size(); i += step)
      points.emplace_back(std::min(values[i], c.x_max),
                          100.0 * static_cast<double>(i + 1) / static_cast<double>(values.size()));
    c.body += polyline(c, points, colour);
  }
  return c.svg("ms to first token", "% of turns");
}

std::string table(const run_result* off, const run_result* on) {
  auto a = off ? summarise(*off) : summary{}, b = on ? summarise(*on) : summary{};
  bool both = off && on;
  auto cells = [&](const char* tag, std::string_view off_cell, std::string_view on_cell, std::string_view change) {
    std::string out;
    if (off) out += fmt::format("<{0}>{1}</{0}>", tag, off_cell);
    if (on) out += fmt::format("<{0}>{1}</{0}>", tag, on_cell);
    if (both) out += fmt::format("<{0}>{1}</{0}>", tag, change);
    return out;
  };
  auto rows = "<tr><th></th>" + cells("th", "without reuse", "with reuse", "change") + "</tr>";
  for (const auto& row : table_rows(off ? &a : nullptr, on ? &b : nullptr))
    rows += fmt::format("<tr><td{}>{}</td>{}</tr>", row.part ? " class=\"part\"" : "", row.name,
                        cells("td", row.off, row.on, row.change));
  return "<table>" + rows + "</table>";
}

}  // namespace

std::string report_html(const run_result* off, const run_result* on, const std::string& title) {
  std::string page = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>chromatin replay</title>" +
                     std::string{style} + "</head><body><h1>chromatin replay</h1><p>" + escape(title) + "</p>";
  page += "<h2>In numbers</h2>" + table(off, on);
  page +=
      "<h2>Time to first token over a sitting</h2><p>The longer a conversation, the more there is to compute "
      "again.</p>" +
      chart_by_turn(off, on);
  if (on) page += "<h2>Where prompt tokens came from</h2><p>With reuse.</p>" + chart_sources(*on);
  page += "<h2>Share of turns answered within a time</h2>" + chart_distribution(off, on);
  return page + "</body></html>\n";
}

}  // namespace chromatin::replay

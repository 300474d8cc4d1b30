#include "apps/replay/report_html.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "apps/replay/table.hpp"

namespace chromatin::replay {
namespace {

constexpr double chart_width = 720, chart_height = 260, left = 56, bottom = 34, top = 30, right = 14;

constexpr const char* style = R"svg(<style>
:root{--ink:#1d2330;--soft:#667085;--line:#d9dee7;--paper:#fff;--off:#c2410c;--on:#0f766e;--device:#0f766e;--host:#2563eb;--disk:#7c3aed;--none:#d97706}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#98a2b3;--line:#344054;--paper:#12161f;--off:#fb923c;--on:#2dd4bf;--device:#2dd4bf;--host:#60a5fa;--disk:#a78bfa;--none:#fbbf24}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:760px;margin:2rem auto;padding:0 1rem}
code{overflow-wrap:anywhere}h1{font-size:1.35rem;margin:0 0 .2rem}h2{font-size:1.02rem;margin:2rem 0 .4rem}p{color:var(--soft);margin:.2rem 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{padding:.28rem .5rem;border-bottom:1px solid var(--line);text-align:right}
td:first-child,th:first-child{text-align:left}td.part{padding-left:1.6rem;color:var(--soft)}svg{width:100%;height:auto}svg text{fill:var(--soft);font-size:12px}svg .key{fill:var(--ink)}
@media print{body{margin:0}h2,svg,tr{break-inside:avoid}h2,h2+p{break-after:avoid}rect,polyline{print-color-adjust:exact;-webkit-print-color-adjust:exact}}</style>)svg";

std::string escape(const std::string& text) {
  std::string out;
  for (char c : text) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : c == '>' ? "&gt;" : std::string(1, c);
  return out;
}

/// The distance of ticks that are round numbers, at most eight up to `end`.
double tick_step(double end) {
  auto unit = std::pow(10, std::floor(std::log10(end / 8)));
  for (double factor : {1.0, 2.0, 5.0})
    if (factor * unit * 8 >= end) return factor * unit;
  return 10 * unit;
}

/// The first tick not below `value`, for the end of an axis.
double axis_end(double value) {
  if (value <= 0) return 1;
  auto step = tick_step(value);
  return step * std::ceil(value / step);
}

/// A frame with axes; values are placed with x() and y().
struct chart {
  double x_max, y_max;
  std::string body;

  double x(double value) const { return left + value / x_max * (chart_width - left - right); }
  double y(double value) const { return chart_height - bottom - value / y_max * (chart_height - bottom - top); }

  using entry = std::pair<std::string, std::string>;  ///< a name and its colour

  void key(const std::vector<entry>& entries) {
    double at = left;
    for (const auto& [name, colour] : entries) {
      body += fmt::format(R"svg(<rect x="{:.0f}" y="4" width="10" height="10" fill="var(--{})"/>)svg", at, colour);
      body += fmt::format(R"svg(<text class="key" x="{:.0f}" y="13">{}</text>)svg", at + 14, name);
      at += 30 + 7.2 * static_cast<double>(name.size());
    }
  }

  std::string grid() const {
    std::string out;
    for (double value = 0, step = tick_step(y_max); value <= y_max * 1.001; value += step) {
      out += fmt::format(R"svg(<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}" stroke="var(--line)"/>)svg", left,
                         chart_width - right, y(value), y(value));
      out += fmt::format(R"svg(<text x="{}" y="{:.1f}" text-anchor="end">{:.4g}</text>)svg", left - 6, y(value) + 4,
                         value);
    }
    for (double value = 0, step = tick_step(x_max); value <= x_max * 1.001; value += step)
      out += fmt::format(R"svg(<text x="{:.1f}" y="{}" text-anchor="middle">{:.3g}</text>)svg", x(value),
                         chart_height - bottom + 16, value);
    return out;
  }

  std::string svg(const std::string& x_name, const std::string& y_name) const {
    auto out = fmt::format(R"svg(<svg viewBox="0 0 {} {}" role="img" aria-label="{} over {}">)svg", chart_width,
                           chart_height, y_name, x_name);
    out += grid() + body;
    out += fmt::format(R"svg(<text x="{}" y="{}" text-anchor="end">{}</text>)svg", chart_width - right,
                       chart_height - 3, x_name);
    out += fmt::format(R"svg(<text x="4" y="{0}" transform="rotate(-90 12 {0})" text-anchor="middle">{1}</text>)svg",
                       chart_height / 2, y_name);
    return out + "</svg>";
  }
};

/// The runs that were made, with the colours of their lines.
std::vector<std::pair<const run_result*, chart::entry>> made(const run_result* off, const run_result* on) {
  std::vector<std::pair<const run_result*, chart::entry>> runs;
  if (off) runs.push_back({off, {"without reuse", "off"}});
  if (on) runs.push_back({on, {"with reuse", "on"}});
  return runs;
}

using by_turn = std::map<std::uint32_t, std::vector<const turn_record*>>;

by_turn group(const run_result& run) {
  by_turn groups;
  for (const auto& t : run.turns) groups[t.turn].push_back(&t);
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

using points = std::vector<std::pair<double, double>>;

std::string line_chart(const std::vector<std::pair<points, chart::entry>>& lines, double x_end, double y_end,
                       const std::string& x_name, const std::string& y_name) {
  chart c{x_end, y_end, {}};
  std::vector<chart::entry> entries;
  for (const auto& [line, entry] : lines) {
    c.body += polyline(c, line, entry.second);
    entries.push_back(entry);
  }
  c.key(entries);
  return c.svg(x_name, y_name);
}

std::string chart_by_turn(const run_result* off, const run_result* on) {
  double x_max = 1, y_max = 0;
  std::vector<std::pair<points, chart::entry>> lines;
  for (const auto& [run, entry] : made(off, on)) {
    points line;
    for (const auto& [turn, records] : group(*run)) {
      line.emplace_back(turn, mean_ms(records));
      x_max = std::max(x_max, line.back().first);
      y_max = std::max(y_max, line.back().second);
    }
    lines.emplace_back(std::move(line), entry);
  }
  return line_chart(lines, x_max, axis_end(y_max), "turn of the sitting", "mean ms to first token");
}

std::string chart_sources(const run_result& run) {
  auto groups = group(run);
  chart c{groups.empty() ? 1 : groups.rbegin()->first + 0.6, 0, {}};
  auto tiers = summarise(run).hits;
  std::map<std::uint32_t, std::vector<double>> means;  // by tier, then what was computed
  for (const auto& [turn, records] : groups) {
    auto& m = means[turn];
    m.resize(tiers.size() + 1);
    for (const auto* t : records) {
      for (std::size_t i = 0; i < tiers.size(); ++i) m[i] += tokens_from(t->statistics.hits, tiers[i].tier);
      m.back() += t->statistics.computed_tokens;
    }
    double sum = 0;
    for (auto& value : m) sum += value /= static_cast<double>(records.size());
    c.y_max = std::max(c.y_max, sum);
  }
  c.y_max = axis_end(c.y_max);
  auto bar = 0.8 * (chart_width - left - right) / c.x_max;
  constexpr std::array colours{"device", "host", "disk", "off", "soft"};
  std::vector<chart::entry> entries;
  for (std::size_t i = 0; i < tiers.size(); ++i)
    entries.emplace_back("from " + escape(tiers[i].tier), colours[std::min(i, colours.size() - 1)]);
  entries.emplace_back("computed", "none");
  for (const auto& [turn, m] : means) {
    double base = 0;
    for (std::size_t i = 0; i < m.size(); ++i) {
      auto y = c.y(base + m[i]), height = c.y(base) - y;
      c.body += fmt::format(R"svg(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="var(--{})"/>)svg",
                            c.x(turn - 0.4), y, bar, height, entries[i].second);
      base += m[i];
    }
  }
  c.key(entries);
  return c.svg("turn of the sitting", "prompt tokens, mean");
}

std::string chart_distribution(const run_result* off, const run_result* on) {
  double x_max = 0;
  std::vector<std::pair<points, chart::entry>> lines;
  for (const auto& [run, entry] : made(off, on)) {
    std::vector<double> values;
    for (const auto& t : run->turns) values.push_back(static_cast<double>(t.first_text_us) / 1e3);
    std::sort(values.begin(), values.end());
    if (!values.empty()) x_max = std::max(x_max, values[values.size() * 99 / 100]);
    points line;
    for (std::size_t i = 0, step = std::max<std::size_t>(1, values.size() / 200); i < values.size(); i += step)
      line.emplace_back(values[i], 100.0 * static_cast<double>(i + 1) / static_cast<double>(values.size()));
    lines.emplace_back(std::move(line), entry);
  }
  auto x_end = axis_end(x_max);
  for (auto& [line, entry] : lines) std::erase_if(line, [&](const auto& p) { return p.first > x_end; });
  return line_chart(lines, x_end, 100, "ms to first token", "% of turns");
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

std::string report_html(const run_result* off, const run_result* on, const heading& about) {
  std::string page =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\"><title>chromatin replay</title>" +
      std::string{style} + "</head><body>";
  page += "<h1>chromatin replay</h1>";
  for (const auto& line :
       {about.title, about.read, about.made + " · chromatin " + about.version + " · " + about.machine})
    page += "<p>" + escape(line) + "</p>";
  page += "<p><code>" + escape(about.command) + "</code></p><h2>In numbers</h2>" + table(off, on);
  if (off && on) {
    auto same = compare(*off, *on);
    page += fmt::format("<p>The same answer in {} of {} turns whose history was still the same in both runs.</p>",
                        same.same, same.comparable);
  }
  page +=
      "<h2>Time to first token over a sitting</h2><p>As the client saw it, waiting in the queue included; means "
      "over the sittings that are that long.</p>" +
      chart_by_turn(off, on);
  if (on) page += "<h2>Where prompt tokens came from</h2><p>With reuse; means of a turn.</p>" + chart_sources(*on);
  page += "<h2>Share of turns answered within a time</h2>" + chart_distribution(off, on);
  return page + "</body></html>\n";
}

}  // namespace chromatin::replay

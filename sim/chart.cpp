#include "sim/chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace chromatin::sim {
namespace {

constexpr double width = 720, height = 300, left = 56, right = 14, top = 30, bottom = 36;
constexpr std::array colours{"#2563eb", "#d97706", "#0f766e", "#c2410c", "#7c3aed", "#64748b", "#be185d", "#4d7c0f"};

/// The distance of ticks that are round numbers, at most eight up to `length`.
double tick_step(double length) {
  auto unit = std::pow(10, std::floor(std::log10(length / 8)));
  for (double factor : {1.0, 2.0, 5.0})
    if (factor * unit * 8 >= length) return factor * unit;
  return 10 * unit;
}

/// Where values are drawn.
struct frame {
  double x_min = 0, x_max = 1, y_max = 1;
  bool logarithmic = false;

  double x(double value) const {
    auto part = logarithmic ? std::log(value / x_min) / std::log(x_max / x_min) : (value - x_min) / (x_max - x_min);
    return left + part * (width - left - right);
  }
  double y(double value) const { return height - bottom - value / y_max * (height - bottom - top); }
};

frame frame_of(const chart& c) {
  frame f{.logarithmic = c.x_is_logarithmic};
  double low = HUGE_VAL, high = 0, y_high = 0;
  for (const auto& line : c.lines)
    for (auto [x, y] : line.points) low = std::min(low, x), high = std::max(high, x), y_high = std::max(y_high, y);
  if (y_high > 0) f.y_max = tick_step(y_high) * std::ceil(y_high / tick_step(y_high));
  f.x_min = c.x_is_logarithmic && std::isfinite(low) && low > 0 ? low : c.x_is_logarithmic ? 1 : 0;
  f.x_max = high > f.x_min ? high : f.x_min + 1;
  return f;
}

/// 1, 2, 5, 10, … within the frame.
std::vector<double> ticks(double low, double high, bool logarithmic) {
  std::vector<double> at;
  if (!logarithmic) {
    for (double step = tick_step(high - low), value = low; value <= high * 1.001; value += step) at.push_back(value);
    return at;
  }
  for (auto unit = std::pow(10, std::floor(std::log10(low))); unit <= high; unit *= 10)
    for (double factor : {1.0, 2.0, 5.0})
      if (factor * unit >= low * 0.999 && factor * unit <= high * 1.001) at.push_back(factor * unit);
  return at;
}

}  // namespace

const std::string_view chart::page_style = R"svg(<style>
:root{--ink:#1d2330;--soft:#667085;--line:#d9dee7;--paper:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#98a2b3;--line:#344054;--paper:#12161f}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:760px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.35rem;margin:0 0 .2rem}h2{font-size:1.02rem;margin:2rem 0 .4rem}p{color:var(--soft);margin:.2rem 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{padding:.28rem .5rem;border-bottom:1px solid var(--line);text-align:right}
td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto}</style>)svg";

std::string escape(std::string_view text) {
  std::string out;
  for (char c : text) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : std::string(1, c);
  return out;
}

std::string chart::svg() const {
  auto f = frame_of(*this);
  auto out = fmt::format(
      R"svg(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" aria-label="{} over {}" )svg"
      R"svg(font-family="system-ui,sans-serif" font-size="12" fill="#667085">)svg",
      width, height, escape(y_name), escape(x_name));
  for (auto value : ticks(0, f.y_max, false))
    out +=
        fmt::format(R"svg(<line x1="{0}" x2="{1}" y1="{2:.1f}" y2="{2:.1f}" stroke="#98a2b3" stroke-opacity=".35"/>)svg"
                    R"svg(<text x="{3}" y="{4:.1f}" text-anchor="end">{5:.4g}</text>)svg",
                    left, width - right, f.y(value), left - 6, f.y(value) + 4, value);
  for (auto value : ticks(f.x_min, f.x_max, f.logarithmic))
    out += fmt::format(R"svg(<text x="{:.1f}" y="{}" text-anchor="middle">{:.6g}</text>)svg", f.x(value),
                       height - bottom + 16, value);
  double key_x = left;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string points;
    for (auto [x, y] : lines[i].points) points += fmt::format("{:.1f},{:.1f} ", f.x(x), f.y(y));
    const auto* colour = colours[i % colours.size()];
    out += fmt::format(R"svg(<polyline points="{}" fill="none" stroke="{}" stroke-width="2.2"/>)svg", points, colour);
    out += fmt::format(
        R"svg(<rect x="{0:.0f}" y="4" width="10" height="10" fill="{1}"/><text x="{2:.0f}" y="13">{3}</text>)svg",
        key_x, colour, key_x + 14, escape(lines[i].name));
    key_x += 30 + 7.2 * static_cast<double>(lines[i].name.size());
  }
  out += fmt::format(R"svg(<text x="{}" y="{}" text-anchor="end">{}</text>)svg", width - right, height - 4,
                     escape(x_name));
  out +=
      fmt::format(R"svg(<text x="4" y="{0}" transform="rotate(-90 12 {0})" text-anchor="middle">{1}</text></svg>)svg",
                  height / 2, escape(y_name));
  return out;
}

}  // namespace chromatin::sim

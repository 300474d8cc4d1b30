#include "apps/replay/table.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace chromatin::replay {
namespace {

struct line {
  const char* name;
  bool part;
  double (*value)(const summary&);
  const char* format;
  bool change;
};

double hit_percent(const summary& s, const std::string& tier) {
  auto tokens = static_cast<double>(s.tokens_from(tier));
  return s.prompt_tokens == 0 ? 0 : 100 * tokens / static_cast<double>(s.prompt_tokens);
}

constexpr const char* reused_line = "reused, % of prompt tokens";

constexpr line lines[] = {
    {"turns", false, [](const summary& s) { return static_cast<double>(s.turns); }, "{:.0f}", false},
    {"prompt tokens", false, [](const summary& s) { return static_cast<double>(s.prompt_tokens); }, "{:.0f}", false},
    {"dropped from full windows", false, [](const summary& s) { return static_cast<double>(s.dropped_tokens); },
     "{:.0f}", false},
    {"prefill tokens computed", false, [](const summary& s) { return static_cast<double>(s.prefill_tokens_computed); },
     "{:.0f}", true},
    {reused_line, false, [](const summary& s) { return 100 * s.reused_share(); }, "{:.1f}", false},
    {"time to first token, mean ms", false, [](const summary& s) { return s.ttft_ms.mean; }, "{:.2f}", true},
    {"p50 ms", true, [](const summary& s) { return s.ttft_ms.p50; }, "{:.2f}", true},
    {"p99 ms", true, [](const summary& s) { return s.ttft_ms.p99; }, "{:.2f}", true},
    {"mean ms from turn 5 on", true, [](const summary& s) { return s.ttft_ms_turn5_on.mean; }, "{:.2f}", true},
    {"prompt tokens per second", false, [](const summary& s) { return s.prompt_tokens_per_s(); }, "{:.0f}", true},
    {"seconds in all", false, [](const summary& s) { return s.wall_s; }, "{:.1f}", true},
};

/// The rows below that of what was reused: a tier each.
void add_tiers(std::vector<table_row>& rows, const summary* off, const summary* on) {
  auto cell = [](const summary* s, const std::string& tier) {
    return s ? fmt::format("{:.1f}", hit_percent(*s, tier)) : std::string{};
  };
  auto named = [&](const std::string& name) {
    return std::any_of(rows.begin(), rows.end(), [&](const table_row& row) { return row.name == name; });
  };
  for (const auto* s : {on, off})
    if (s)
      for (const auto& [tier, tokens] : s->hits)
        if (auto name = "from " + tier; !named(name)) rows.push_back({name, true, cell(off, tier), cell(on, tier), {}});
}

}  // namespace

std::vector<table_row> table_rows(const summary* off, const summary* on) {
  std::vector<table_row> rows;
  for (const auto& l : lines) {
    auto cell = [&](const summary* s) { return s ? fmt::format(fmt::runtime(l.format), l.value(*s)) : std::string{}; };
    table_row row{l.name, l.part, cell(off), cell(on), {}};
    if (off && on && l.change && l.value(*off) > 0)
      row.change = fmt::format("{:+.1f}%", 100 * (l.value(*on) / l.value(*off) - 1));
    rows.push_back(std::move(row));
    if (l.name == reused_line) add_tiers(rows, off, on);
  }
  return rows;
}

std::string text_table(const summary* off, const summary* on) {
  auto line = [](const auto& name, const auto& a, const auto& b, const auto& change) {
    auto text = fmt::format("{:<30}{:>15}{:>15}{:>10}", name, a, b, change);
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
  };
  auto out = line("", off ? "without reuse" : "", on ? "with reuse" : "", off && on ? "change" : "");
  for (const auto& row : table_rows(off, on))
    out += line((row.part ? "  " : "") + row.name, row.off, row.on, row.change);
  return out;
}

}  // namespace chromatin::replay

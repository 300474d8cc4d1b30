#include "apps/top/frame.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "apps/flags/size.hpp"

namespace chromatin::top {
namespace {

constexpr std::string_view tier_end = "-tier", up_end = "_up";
constexpr std::size_t bar_cells = 10;

/// Reads the counters of one pair of samples.
struct reader {
  const sample& now;
  const sample* before;

  std::int64_t value(std::string_view part, std::string_view name) const {
    return value_of(now, part, name).value_or(0);
  }
  std::string count(std::string_view part, std::string_view name) const {
    auto value = value_of(now, part, name);
    return value ? fmt::format("{}", *value) : "–";
  }
  std::string rate(std::string_view part, std::string_view name) const {
    auto r = rate_of(now, before, part, name);
    return r ? fmt::format("{:.1f}", *r) : "–";
  }
  bool has(std::string_view part) const {
    return std::ranges::any_of(now.parts, [&](const auto& p) { return p.part == part; });
  }
};

std::string percent(double share, double of) { return of > 0 ? fmt::format("{:.1f} %", 100 * share / of) : "–"; }

std::string bar(double share) {
  auto full = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * bar_cells + 0.5);
  std::string cells;
  for (std::size_t i = 0; i < bar_cells; ++i) cells += i < full ? "█" : "░";
  return cells;
}

std::string reuse_line(const reader& r) {
  auto reused = static_cast<double>(r.value("scheduler", "prompt_tokens_reused"));
  auto computed = static_cast<double>(r.value("scheduler", "prompt_tokens_computed"));
  auto reused_now = rate_of(r.now, r.before, "scheduler", "prompt_tokens_reused").value_or(0);
  auto computed_now = rate_of(r.now, r.before, "scheduler", "prompt_tokens_computed").value_or(0);
  return fmt::format("reuse   {} of prompt tokens now, {} since the start",
                     percent(reused_now, reused_now + computed_now), percent(reused, reused + computed));
}

void add_turns(std::vector<std::string>& lines, const reader& r) {
  if (!r.has("scheduler")) return;
  lines.push_back(fmt::format("turns   {} running, {} waiting, {} answered/s, {} refused",
                              r.count("scheduler", "turns_running"), r.count("scheduler", "turns_waiting"),
                              r.rate("scheduler", "turns_done"), r.count("scheduler", "turns_refused")));
  lines.push_back(fmt::format("tokens  prefill {} tokens/s, decode {} tokens/s",
                              r.rate("scheduler", "prompt_tokens_computed"), r.rate("scheduler", "answer_tokens")));
  lines.push_back(reuse_line(r));
  auto busy = rate_of(r.now, r.before, "executor", "compute_us");
  lines.push_back(fmt::format("device  {} busy, {} steps/s; {} times a turn gave its pages to another",
                              busy ? percent(*busy, 1e6) : "–", r.rate("executor", "steps"),
                              r.count("scheduler", "preemptions")));
}

/// What a tenant that is no operator is told.
void add_tenant(std::vector<std::string>& lines, const reader& r) {
  if (!r.has("tenant")) return;
  lines.push_back(fmt::format("yours   {} turns under way, {} answered ({}/s), {} failed",
                              r.count("tenant", "turns_under_way"), r.count("tenant", "turns_done"),
                              r.rate("tenant", "turns_done"), r.count("tenant", "turns_failed")));
  lines.push_back(fmt::format("tokens  {} of prompts ({}/s), {} of answers ({}/s)", r.count("tenant", "prompt_tokens"),
                              r.rate("tenant", "prompt_tokens"), r.count("tenant", "answer_tokens"),
                              r.rate("tenant", "answer_tokens")));
}

void add_tiers(std::vector<std::string>& lines, const reader& r) {
  bool first = true;
  for (const auto& part : r.now.parts) {
    if (!part.part.ends_with(tier_end)) continue;
    if (std::exchange(first, false)) {
      lines.emplace_back();
      lines.push_back(fmt::format("{:<7}{:>10}{:>10} {:<{}}{:>8}{:>9}{:>8}{:>8}{:>9}", "tier", "used", "of", "",
                                  bar_cells, "chunks", "hits", "hits/s", "missed", "evict/s"));
    }
    auto used = static_cast<double>(r.value(part.part, "used_bytes"));
    auto room = static_cast<double>(r.value(part.part, "capacity_bytes"));
    lines.push_back(fmt::format("{:<7}{:>10}{:>10} {}{:>8}{:>9}{:>8}{:>8}{:>9}",
                                part.part.substr(0, part.part.size() - tier_end.size()), bytes_text(used),
                                bytes_text(room), bar(room > 0 ? used / room : 0), r.count(part.part, "chunks"),
                                r.count(part.part, "hit_chunks"), r.rate(part.part, "hit_chunks"),
                                r.count(part.part, "missed_chunks"), r.rate(part.part, "evicted_chunks")));
  }
  if (auto read = rate_of(r.now, r.before, "disk-tier", "bytes_read"))
    lines.push_back(fmt::format("disk    {}/s read, {}/s written", bytes_text(*read),
                                bytes_text(rate_of(r.now, r.before, "disk-tier", "bytes_written").value_or(0))));
}

void add_parts(std::vector<std::string>& lines, const reader& r, const screen& on) {
  for (const auto& part : r.now.parts) {
    if (part.part != "supervisor") continue;
    std::string down;
    for (const auto& [name, value] : part.values)
      if (name.ends_with(up_end) && value == 0)
        down += (down.empty() ? "" : ", ") + name.substr(0, name.size() - up_end.size());
    lines.emplace_back();
    if (down.empty())
      lines.emplace_back("parts   all are up");
    else
      lines.push_back(
          fmt::format("{}parts   down: {}{}", on.colours ? "\033[31;1m" : "", down, on.colours ? "\033[0m" : ""));
    for (const auto& note : part.notes) lines.push_back("        " + note);
  }
}

/// As much of a text as has its place in a line; marks of a terminal take none.
std::string cut(const std::string& line, std::size_t columns) {
  std::string shown;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < line.size();) {
    if (line[i] == '\033') {
      auto end = std::min(line.find('m', i), line.size() - 1) + 1;
      shown += line.substr(i, end - i);
      i = end;
      continue;
    }
    auto end = i + 1;
    while (end < line.size() && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) ++end;
    if (taken++ < columns) shown += line.substr(i, end - i);
    i = end;
  }
  return shown;
}

}  // namespace

std::string frame(const sample& now, const sample* before, const std::string& title, const screen& on) {
  reader r{now, before};
  std::vector<std::string> lines{on.colours ? "\033[1m" + title + "\033[0m" : title, ""};
  add_turns(lines, r);
  add_tenant(lines, r);
  add_tiers(lines, r);
  add_parts(lines, r, on);
  lines.resize(std::min(lines.size(), on.rows));
  std::string text;
  for (const auto& line : lines) text += cut(line, on.columns) + "\n";
  return text;
}

}  // namespace chromatin::top

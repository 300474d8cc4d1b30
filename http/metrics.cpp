#include "http/metrics.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <string_view>

#include <fmt/format.h>

namespace chromatin::http {
namespace {

enum class kind : std::uint8_t { counter, gauge };

struct metric {
  std::string_view name;
  kind what;
  std::string_view help;
};
constexpr metric metrics[] = {
#define METRIC(name, what, help) {name, kind::what, help},
#include "http/metrics.inl"
#undef METRIC
};

std::string word(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return text;
}

/// Takes an end off a text; false, and nothing happens, if it is not there.
bool take_end(std::string& text, std::string_view end) {
  if (!text.ends_with(end)) return false;
  text.resize(text.size() - end.size());
  return true;
}

/// A value under the name that it has here.
struct sample {
  std::string prefix, name, label;
  double value = 0;
};

sample sample_of(const std::string& part, const std::string& name, std::int64_t value) {
  auto plain = static_cast<double>(value);
  if (part == "supervisor")
    for (std::string_view what : {"up", "restarts"})
      if (auto whose = name; take_end(whose, '_' + std::string{what}))
        return {"part", std::string{what}, fmt::format("{{part=\"{}\"}}", whose), plain};
  if (auto tier = part; take_end(tier, "-tier")) return {"tier", name, fmt::format("{{tier=\"{}\"}}", tier), plain};
  return {word(part), name, {}, plain};
}

/// Seconds are Prometheus's unit of time.
void take_seconds(sample& s) {
  constexpr std::string_view us = "_us", seconds = "_seconds";
  auto at = s.name.find(us);
  bool whole_word = at != s.name.npos && (at + us.size() == s.name.size() || s.name[at + us.size()] == '_');
  if (!whole_word) return;
  s.name.replace(at, us.size(), seconds);
  s.value /= 1e6;
}

}  // namespace

std::string to_metrics(const std::vector<counters>& parts) {
  std::vector<std::string> order;  // all samples of a metric stand together
  std::map<std::string, std::string> texts;
  for (const auto& part : parts)
    for (const auto& [name, value] : part.values) {
      auto s = sample_of(part.part, name, value);
      const auto* known = std::ranges::find(metrics, std::string_view{s.name}, &metric::name);
      take_seconds(s);
      bool counts = known != std::end(metrics) && known->what == kind::counter;
      auto full = fmt::format("chromatin_{}_{}{}", s.prefix, word(s.name), counts ? "_total" : "");
      auto& text = texts[full];
      if (text.empty()) {
        order.push_back(full);
        if (known != std::end(metrics))
          text = fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", full, known->help, counts ? "counter" : "gauge");
      }
      text += fmt::format("{}{} {}\n", full, s.label, s.value);
    }
  std::string all;
  for (const auto& name : order) all += texts[name];
  return all;
}

}  // namespace chromatin::http

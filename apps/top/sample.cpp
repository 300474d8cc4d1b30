#include "apps/top/sample.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chromatin::top {
namespace {

enum class kind : std::uint8_t { counter, gauge };

struct known_counter {
  std::string_view name;
  kind what;
};
constexpr known_counter known[] = {
#define METRIC(name, what, help) {name, kind::what},
#include "http/metrics.inl"
#undef METRIC
    {"prompt_tokens", kind::counter},  // a tenant's own
};

}  // namespace

std::optional<std::int64_t> value_of(const sample& s, std::string_view part, std::string_view name) {
  for (const auto& p : s.parts)
    if (p.part == part)
      for (const auto& [n, value] : p.values)
        if (n == name) return value;
  return {};
}

bool only_goes_up(std::string_view name) {
  if (name.ends_with("_restarts")) return true;  // the supervisor's, behind the name of a part
  const auto* found = std::ranges::find(known, name, &known_counter::name);
  return found != std::end(known) && found->what == kind::counter;
}

std::optional<double> rate_of(const sample& now, const sample* before, std::string_view part, std::string_view name) {
  if (before == nullptr || now.at_s <= before->at_s || !only_goes_up(name)) return {};
  auto is = value_of(now, part, name), was = value_of(*before, part, name);
  if (!is || !was || *is < *was) return {};
  return static_cast<double>(*is - *was) / (now.at_s - before->at_s);
}

nlohmann::ordered_json to_json(const sample& now, const sample* before) {
  nlohmann::ordered_json all;
  if (before != nullptr) all["sample"]["since_last_s"] = now.at_s - before->at_s;
  for (const auto& part : now.parts) {
    auto& told = all[part.part];
    for (const auto& [name, value] : part.values) {
      told[name] = value;
      if (auto rate = rate_of(now, before, part.part, name)) told[name + "_per_s"] = *rate;
    }
    if (!part.notes.empty()) told["notes"] = part.notes;
  }
  return all;
}

std::string to_text(const sample& now, const sample* before) {
  std::string text;
  for (const auto& part : now.parts) {
    text += part.part + "\n";
    for (const auto& note : part.notes) text += "  " + note + "\n";
    for (const auto& [name, value] : part.values) {
      text += fmt::format("  {:<26}{:>16}", name, value);
      if (auto rate = rate_of(now, before, part.part, name)) text += fmt::format("{:>14.1f} a second", *rate);
      text += "\n";
    }
  }
  return text;
}

}  // namespace chromatin::top

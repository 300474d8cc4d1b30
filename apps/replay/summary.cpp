#include "apps/replay/summary.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace chromatin::replay {

double summary::reused_share() const {
  return prompt_tokens == 0 ? 0 : 1 - static_cast<double>(prefill_tokens_computed) / static_cast<double>(prompt_tokens);
}

summary summarise(const run_result& result) {
  summary s{.turns = result.turns.size(), .wall_s = result.wall_s};
  std::vector<double> all, later;
  for (const auto& t : result.turns) {
    s.prompt_tokens += t.statistics.prompt_tokens;
    s.prefill_tokens_computed += t.statistics.computed_tokens;
    s.answer_tokens += t.statistics.answer_tokens;
    s.dropped_tokens += t.statistics.dropped_tokens;
    for (const auto& hit : t.statistics.hits) {
      auto same = std::find_if(s.hits.begin(), s.hits.end(), [&](const auto& h) { return h.tier == hit.tier; });
      if (same == s.hits.end()) same = s.hits.insert(s.hits.end(), {hit.tier, 0});
      same->tokens += hit.tokens;
    }
    auto ms = static_cast<double>(t.first_text_us) / 1e3;
    all.push_back(ms);
    if (t.turn >= 5) later.push_back(ms);
  }
  s.ttft_ms = distribution_of(std::move(all));
  s.ttft_ms_turn5_on = distribution_of(std::move(later));
  return s;
}

std::uint64_t summary::tokens_from(std::string_view tier) const {
  auto same = std::find_if(hits.begin(), hits.end(), [&](const auto& h) { return h.tier == tier; });
  return same == hits.end() ? 0 : same->tokens;
}

agreement compare(const run_result& a, const run_result& b) {
  agreement result;
  auto other = b.turns.begin();
  std::uint32_t sitting = ~0u;
  bool together = true;
  for (const auto& turn : a.turns) {
    if (turn.sitting != sitting) together = true;
    sitting = turn.sitting;
    auto place = std::pair{turn.sitting, turn.turn};
    while (other != b.turns.end() && std::pair{other->sitting, other->turn} < place) ++other;
    if (other == b.turns.end() || std::pair{other->sitting, other->turn} != place) continue;
    bool same = turn.text == other->text;
    ++result.all;
    result.same_of_all += same;
    result.comparable += together;
    result.same += together && same;
    together = together && same;
  }
  return result;
}

nlohmann::ordered_json to_json(const summary& s) {
  auto times = [](const distribution& d) {
    return nlohmann::ordered_json{{"mean", d.mean}, {"p50", d.p50}, {"p99", d.p99}};
  };
  nlohmann::ordered_json json{{"turns", s.turns},
                              {"prompt_tokens", s.prompt_tokens},
                              {"prefill_tokens_computed", s.prefill_tokens_computed},
                              {"answer_tokens", s.answer_tokens},
                              {"dropped_tokens", s.dropped_tokens},
                              {"ttft_ms", times(s.ttft_ms)},
                              {"ttft_ms_turn5_on", times(s.ttft_ms_turn5_on)},
                              {"wall_s", s.wall_s},
                              {"prompt_tokens_per_s", s.prompt_tokens_per_s()}};
  for (const auto& hit : s.hits) json["hit_tokens"][hit.tier] = hit.tokens;
  return json;
}

}  // namespace chromatin::replay

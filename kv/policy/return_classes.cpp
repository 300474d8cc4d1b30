#include "kv/policy/return_classes.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kv/check.hpp"
#include "kv/policy/bytes.hpp"

namespace chromatin::kv {
namespace {

constexpr std::size_t classes_max = 64;
constexpr double steps_per_octave = 2;
/// A factor is 1 as long as far fewer events than these speak against it.
constexpr float doubt_events = 3, effect_doubt_events = 6;
/// Of all traits together.
constexpr double effect_min = 0.05, effect_max = 20;
/// Before anything is known: as likely in each age, since nobody knows the scale of time.
constexpr float first_hazard = 0.05F;
constexpr float hazard_max = 0.9F;
/// Log likelihood that a split must gain: by chance, the best of all questions seldom gains so much.
constexpr double gain_min = 8;
constexpr float events_per_half_min = 8;
/// Before so many returns nothing is foretold: the first hazards are no more than a place to begin.
constexpr float events_to_foretell = 64;
constexpr std::uint32_t events_between_questions = 16;
/// The hazards are computed again when half of all events are new to them, or this many.
constexpr float refresh_share = 1.0F / 2, events_between_refreshes = 64;
/// After so many turns the counts are halved: people change.
constexpr std::uint32_t turns_remembered = 1 << 17;

/// Of so many events where others were expected, with one factor between, as likely as can be.
double log_likelihood(double events, double expected) {
  return events > 0 && expected > 0 ? events * std::log(events / expected) : 0;
}

/// 1 until events say otherwise.
float factor(float events, float expected, float doubt = doubt_events) { return (events + doubt) / (expected + doubt); }

}  // namespace

std::uint8_t level_of(double value) {
  if (!(value >= 1)) return 0;
  return static_cast<std::uint8_t>(std::min<int>(1 + std::ilogb(value), levels_count - 1));
}

std::uint8_t level_of_count(std::uint32_t count) {
  constexpr std::uint32_t own_levels = 8;
  if (count <= own_levels) return static_cast<std::uint8_t>(count);
  auto above = own_levels + 2 * std::log2(static_cast<double>(count) / own_levels);
  return static_cast<std::uint8_t>(std::min<double>(above, levels_count - 1));
}

double age_begin_s(std::size_t age) {
  static const auto begins_s = [] {
    std::array<double, ages_count + 1> at{};
    for (std::size_t i = 1; i < at.size(); ++i) at[i] = std::exp2(static_cast<double>(i - 1) / steps_per_octave);
    return at;
  }();
  return begins_s.at(age);
}

std::size_t age_at(double seconds) {
  if (!(seconds >= 1)) return 0;
  auto step = static_cast<std::size_t>(std::log2(seconds) * steps_per_octave + 1e-9);
  return std::min(1 + step, ages_count - 1);
}

/// Up to 16 s, 64 s, 256 s, and above: few, so that little is needed to tell two groups apart.
std::size_t return_classes::span_of(std::size_t age) { return age < 9 ? 0 : age < 13 ? 1 : age < 17 ? 2 : 3; }

return_classes::return_classes() {
  nodes_.resize(1);
  evidence_.push_back(std::make_unique<evidence>());
  refresh();
}

return_classes::class_id return_classes::class_of(const traits& of, class_id from) const {
  while (!is_leaf(from)) {
    const auto& n = nodes_[from];
    from = n.kids[of[n.question] >= n.from_level];
  }
  return from;
}

double return_classes::effect(const traits& with, std::size_t span) const {
  double product = 1;
  for (std::size_t t = 0; t < traits_count; ++t) {
    const auto& c = effects_[t][with[t]][span];
    product *= factor(c.events, c.exposed, effect_doubt_events);
  }
  return std::clamp(product, effect_min, effect_max);
}

void return_classes::reached(class_id of, const traits& with, std::size_t age) {
  CHROMATIN_CHECK(is_leaf(of), "turns are counted in classes");
  auto span = span_of(age);
  auto exposed = static_cast<float>(effect(with, span)), expected = exposed * hazards_[of][age];
  for (std::size_t t = 0; t < traits_count; ++t) {
    auto& c = effects_[t][with[t]][span];
    c.exposed += expected / factor(c.events, c.exposed, effect_doubt_events);  // by all but this trait
    if (evidence_[of]) evidence_[of]->seen[t][with[t]][span].exposed += expected;
  }
  for (auto at = static_cast<std::int32_t>(of); at >= 0; at = nodes_[at].parent)
    nodes_[at].ages[age].exposed += exposed;
  turns_ += age == 0;
  if (turns_ >= turns_remembered) forget_half();
}

void return_classes::returned(class_id of, const traits& with, std::size_t age) {
  CHROMATIN_CHECK(is_leaf(of), "turns are counted in classes");
  auto span = span_of(age);
  for (auto at = static_cast<std::int32_t>(of); at >= 0; at = nodes_[at].parent) ++nodes_[at].ages[age].events;
  for (std::size_t t = 0; t < traits_count; ++t) {
    ++effects_[t][with[t]][span].events;
    if (evidence_[of]) ++evidence_[of]->seen[t][with[t]][span].events;
  }
  if (evidence_[of] && ++evidence_[of]->events >= events_between_questions) try_split(of);
  if (static_cast<float>(++events_) >= std::min(events_between_refreshes, refresh_share * returns_seen())) refresh();
}

struct return_classes::split {
  double gain = 0;
  std::uint8_t question = 0, from_level = 0;
};

return_classes::split return_classes::best_split(class_id id) const {
  split best;
  for (std::size_t t = 0; t < traits_count; ++t) {
    const auto& levels = evidence_[id]->seen[t];
    by_span all{}, low{};
    for (const auto& level : levels)
      for (std::size_t s = 0; s < spans_count; ++s)
        all[s].events += level[s].events, all[s].exposed += level[s].exposed;
    for (std::size_t from = 1; from < levels_count; ++from) {
      double gain = 0;
      float low_events = 0, high_events = 0;
      for (std::size_t s = 0; s < spans_count; ++s) {
        low[s].events += levels[from - 1][s].events, low[s].exposed += levels[from - 1][s].exposed;
        count high{all[s].events - low[s].events, all[s].exposed - low[s].exposed};
        gain += log_likelihood(low[s].events, low[s].exposed) + log_likelihood(high.events, high.exposed) -
                log_likelihood(all[s].events, all[s].exposed);
        low_events += low[s].events, high_events += high.events;
      }
      if (std::min(low_events, high_events) >= events_per_half_min && gain > best.gain)
        best = {gain, static_cast<std::uint8_t>(t), static_cast<std::uint8_t>(from)};
    }
  }
  return best;
}

/// The halves begin with what the leaf counted of each: in spans, not in single ages.
void return_classes::try_split(class_id id) {
  evidence_[id]->events = 0;
  auto best = best_split(id);
  if (best.gain < gain_min) return;
  auto known = std::move(evidence_[id]);
  for (std::size_t half = 0; half < 2; ++half) {
    node kid{.parent = static_cast<std::int32_t>(id)};
    std::size_t begin = half == 0 ? 0 : best.from_level, end = half == 0 ? best.from_level : levels_count;
    for (std::size_t level = begin; level < end; ++level)
      for (std::size_t s = 0; s < spans_count; ++s) {
        kid.inherited[s].events += known->seen[best.question][level][s].events;
        kid.inherited[s].exposed += known->seen[best.question][level][s].exposed;
      }
    nodes_[id].kids[half] = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back(kid);
    evidence_.push_back(std::make_unique<evidence>());
  }
  nodes_[id].question = best.question, nodes_[id].from_level = best.from_level;
  if (++leaves_ >= classes_max)
    for (auto& e : evidence_) e = nullptr;
  refresh();
}

void return_classes::learn_hazards(class_id id) {
  const auto& n = nodes_[id];
  std::array<float, ages_count> base;
  base.fill(first_hazard);
  if (n.parent >= 0) base = hazards_[static_cast<std::size_t>(n.parent)];
  auto spans = n.inherited;
  count all;
  for (std::size_t age = 0; age < ages_count; ++age) {
    auto& s = spans[span_of(age)];
    s.events += n.ages[age].events, s.exposed += n.ages[age].exposed * base[age];
  }
  for (const auto& s : spans) all.events += s.events, all.exposed += s.exposed;
  auto for_all = factor(all.events, all.exposed);
  for (std::size_t age = 0; age < ages_count; ++age) {
    const auto& s = spans[span_of(age)];
    auto expected = base[age] * for_all * factor(s.events, s.exposed * for_all);
    hazards_[id][age] = std::min(hazard_max, expected * factor(n.ages[age].events, n.ages[age].exposed * expected));
  }
}

void return_classes::refresh() {
  events_ = 0;
  hazards_.resize(nodes_.size());
  for (class_id id = 0; id < nodes_.size(); ++id) learn_hazards(id);  // parents come first
}

return_classes::span_effects return_classes::effects_of(const traits& with) const {
  span_effects effects{};
  for (std::size_t span = 0; span < spans_count; ++span) effects[span] = effect(with, span);
  return effects;
}

float return_classes::returns_seen() const {
  const auto& all = nodes_[everybody].ages;
  return std::accumulate(all.begin(), all.end(), 0.0F, [](float sum, const count& c) { return sum + c.events; });
}

double return_classes::hazard(class_id of, const span_effects& effects, std::size_t age) const {
  return std::min<double>(hazard_max, hazards_[of][age] * effects[span_of(age)]);
}

/// At the beginning of the age.
double return_classes::index_from(class_id of, const span_effects& effects, std::size_t age) const {
  double waits = 1, held_s = 0, best = 0;
  for (; age < ages_count; ++age) {
    auto returns = hazard(of, effects, age);
    held_s += waits * (age_begin_s(age + 1) - age_begin_s(age)) * (1 - returns / 2);  // who returns does so half way
    waits *= 1 - returns;
    best = std::max(best, (1 - waits) / held_s);
  }
  return best;
}

double return_classes::index(class_id of, const traits& with, double age_s) const {
  auto effects = effects_of(with);
  auto age = age_at(age_s), next = std::min(age + 1, ages_count - 1);
  auto begin_s = age_begin_s(age);
  auto part = std::clamp((age_s - begin_s) / (age_begin_s(age + 1) - begin_s), 0.0, 1.0);
  return index_from(of, effects, age) * (1 - part) + index_from(of, effects, next) * part;
}

double return_classes::chance(class_id of, const traits& with, double age_s, double horizon_s) const {
  if (returns_seen() < events_to_foretell) return 0;
  auto effects = effects_of(with);
  double waits = 1;
  for (auto age = age_at(age_s); age + 1 < ages_count; ++age) {
    auto begin_s = age_begin_s(age), end_s = age_begin_s(age + 1);
    auto within_s = std::min(end_s, age_s + horizon_s) - std::max(begin_s, age_s);
    if (within_s > 0) waits *= std::pow(1 - hazard(of, effects, age), within_s / (end_s - begin_s));
  }
  return 1 - waits;
}

void return_classes::forget_half() {
  turns_ /= 2;
  auto halve = [](auto& counts) {
    for (auto& c : counts) c.events /= 2, c.exposed /= 2;
  };
  auto halve_all = [&](by_trait& counts) {
    for (auto& levels : counts)
      for (auto& spans : levels) halve(spans);
  };
  for (auto& n : nodes_) halve(n.ages), halve(n.inherited);
  for (auto& e : evidence_)
    if (e) halve_all(e->seen);
  halve_all(effects_);
}

void return_classes::save(std::vector<std::byte>& out) const {
  put(out, effects_), put(out, turns_), put(out, nodes_.size());
  for (class_id id = 0; id < nodes_.size(); ++id) {
    put(out, nodes_[id]);
    put(out, evidence_[id] != nullptr);
    if (evidence_[id]) put(out, *evidence_[id]);
  }
}

bool return_classes::load(std::span<const std::byte>& in) {
  return_classes next;
  std::size_t nodes = 0;
  if (!take(in, next.effects_) || !take(in, next.turns_) || !take(in, nodes) || nodes == 0 || nodes >= 2 * classes_max)
    return false;
  next.nodes_.resize(nodes);
  next.evidence_.resize(nodes);
  next.leaves_ = 0;
  for (class_id id = 0; id < nodes; ++id) {
    auto& n = next.nodes_[id];
    bool has_evidence = false;
    if (!take(in, n) || !take(in, has_evidence)) return false;
    next.evidence_[id] = has_evidence ? std::make_unique<evidence>() : nullptr;
    if (has_evidence && !take(in, *next.evidence_[id])) return false;
    bool rooted = id == 0 ? n.parent == -1 : n.parent >= 0 && static_cast<class_id>(n.parent) < id;
    bool leads_on = std::all_of(n.kids.begin(), n.kids.end(), [&](auto kid) { return kid > id && kid < nodes; });
    if (!rooted || !(leads_on || n.kids == decltype(n.kids){}) || n.question >= traits_count) return false;
    next.leaves_ += !leads_on;
  }
  next.refresh();
  *this = std::move(next);
  return true;
}

}  // namespace chromatin::kv

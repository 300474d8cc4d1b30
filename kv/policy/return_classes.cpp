#include "kv/policy/return_classes.hpp"

#include <algorithm>
#include <cmath>

#include "kv/check.hpp"
#include "kv/policy/bytes.hpp"

namespace chromatin::kv {
namespace {

constexpr std::size_t classes_max = 64;
constexpr double steps_per_octave = 2;
/// A factor is 1 as long as far fewer events than these speak against it.
constexpr float doubt_events = 3;
/// Before anything is known: as likely in each age, since nobody knows the scale of time.
constexpr float first_hazard = 0.03F;
constexpr float hazard_max = 0.9F;
/// Log likelihood that a split must gain: by chance, the best of all questions seldom gains so much.
constexpr double gain_min = 8;
constexpr float events_per_half_min = 8;
constexpr std::uint32_t events_between_questions = 16, events_between_refreshes = 64;
/// After so many turns the counts are halved: people change.
constexpr float turns_remembered = 1 << 17;

/// Of events among trials with one chance, as likely as can be.
double log_likelihood(double events, double trials) {
  if (events <= 0 || trials <= events) return 0;
  auto chance = events / trials;
  return events * std::log(chance) + (trials - events) * std::log1p(-chance);
}

float factor(float events, float expected) { return (events + doubt_events) / (expected + doubt_events); }

}  // namespace

std::uint8_t level_of(double value) {
  if (!(value >= 1)) return 0;
  return static_cast<std::uint8_t>(std::min<int>(1 + std::ilogb(value), levels_count - 1));
}

double age_begin_s(std::size_t age) {
  return age == 0 ? 0 : std::exp2(static_cast<double>(age - 1) / steps_per_octave);
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

void return_classes::reached(class_id of, const traits& with, std::size_t age) {
  CHROMATIN_CHECK(is_leaf(of), "turns are counted in classes");
  for (auto at = static_cast<std::int32_t>(of); at >= 0; at = nodes_[at].parent) ++nodes_[at].ages[age].exposed;
  if (auto& e = evidence_[of])
    for (std::size_t t = 0; t < traits_count; ++t) ++e->by_level[t][with[t]][span_of(age)].exposed;
  if (nodes_[everybody].ages[0].exposed >= turns_remembered) forget_half();
}

void return_classes::returned(class_id of, const traits& with, std::size_t age) {
  CHROMATIN_CHECK(is_leaf(of), "turns are counted in classes");
  for (auto at = static_cast<std::int32_t>(of); at >= 0; at = nodes_[at].parent) ++nodes_[at].ages[age].events;
  if (auto& e = evidence_[of]) {
    for (std::size_t t = 0; t < traits_count; ++t) ++e->by_level[t][with[t]][span_of(age)].events;
    if (++e->events >= events_between_questions) try_split(of);
  }
  if (++events_ >= events_between_refreshes) refresh();
}

struct return_classes::split {
  double gain = 0;
  std::uint8_t question = 0, from_level = 0;
};

return_classes::split return_classes::best_split(class_id id) const {
  using counts = std::array<count, spans_count>;
  split best;
  for (std::size_t t = 0; t < traits_count; ++t) {
    const auto& levels = evidence_[id]->by_level[t];
    counts all{}, low{};
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
  learn_hazards(id);
  std::array<float, spans_count> expected{}, exposed{};
  for (std::size_t age = 0; age < ages_count; ++age) {
    expected[span_of(age)] += hazards_[id][age] * nodes_[id].ages[age].exposed;
    exposed[span_of(age)] += nodes_[id].ages[age].exposed;
  }
  auto known = std::move(evidence_[id]);
  for (std::size_t half = 0; half < 2; ++half) {
    node kid{.parent = static_cast<std::int32_t>(id)};
    std::size_t begin = half == 0 ? 0 : best.from_level, end = half == 0 ? best.from_level : levels_count;
    for (std::size_t level = begin; level < end; ++level)
      for (std::size_t s = 0; s < spans_count; ++s) {
        const auto& c = known->by_level[best.question][level][s];
        kid.inherited[s].events += c.events;
        kid.inherited[s].exposed += exposed[s] > 0 ? c.exposed * expected[s] / exposed[s] : 0;
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

void return_classes::learn_index(class_id id) {
  std::array<double, ages_count> held_s, survives;  // within an age: time held of one that reached it; does not return
  for (std::size_t age = 0; age < ages_count; ++age) {
    auto length_s = age_begin_s(age + 1) - age_begin_s(age);
    survives[age] = 1 - double{hazards_[id][age]};
    auto rate = -std::log(survives[age]);
    held_s[age] = rate > 1e-9 ? length_s * (1 - survives[age]) / rate : length_s;
  }
  for (std::size_t age = 0; age < ages_count; ++age) {
    double alive = 1, held = 0, best = 0;
    for (auto to = age; to < ages_count; ++to) {
      held += alive * held_s[to];
      alive *= survives[to];
      best = std::max(best, (1 - alive) / held);
    }
    index_[id][age] = static_cast<float>(best);
  }
  index_[id][ages_count] = index_[id][ages_count - 1];
}

void return_classes::refresh() {
  events_ = 0;
  hazards_.resize(nodes_.size());
  index_.resize(nodes_.size());
  for (class_id id = 0; id < nodes_.size(); ++id) learn_hazards(id), learn_index(id);  // parents come first
}

double return_classes::index(class_id of, double age_s) const {
  auto age = age_at(age_s);
  auto begin = age_begin_s(age);
  auto part = std::clamp((age_s - begin) / (age_begin_s(age + 1) - begin), 0.0, 1.0);
  return index_[of][age] * (1 - part) + index_[of][age + 1] * part;
}

void return_classes::forget_half() {
  auto halve = [](auto& counts) {
    for (auto& c : counts) c.events /= 2, c.exposed /= 2;
  };
  for (auto& n : nodes_) halve(n.ages), halve(n.inherited);
  for (auto& e : evidence_)
    if (e)
      for (auto& levels : e->by_level)
        for (auto& spans : levels) halve(spans);
}

void return_classes::save(std::vector<std::byte>& out) const {
  put(out, nodes_.size());
  for (class_id id = 0; id < nodes_.size(); ++id) {
    put(out, nodes_[id]);
    put(out, evidence_[id] != nullptr);
    if (evidence_[id]) put(out, *evidence_[id]);
  }
}

bool return_classes::load(std::span<const std::byte>& in) {
  return_classes next;
  std::size_t nodes = 0;
  if (!take(in, nodes) || nodes == 0 || nodes >= 2 * classes_max) return false;
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

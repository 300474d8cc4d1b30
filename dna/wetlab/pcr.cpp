#include "dna/wetlab/pcr.hpp"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include <fmt/format.h>

#include "dna/geometry/sequence.hpp"
#include "dna/wetlab/draw.hpp"

namespace chromatin::dna::wetlab {

namespace {

void check(const pcr_step& step) {
  if (step.forward.empty()) throw std::invalid_argument{"PCR: no forward primer"};
  if (step.cycles < 1 || step.cycles > 60) throw std::invalid_argument{"PCR: 1 to 60 cycles"};
  const auto check_bases = [](std::string_view primer) {
    if (primer.empty() || std::any_of(primer.begin(), primer.end(), [](char base) { return base_index(base) < 0; }))
      throw std::invalid_argument{fmt::format("PCR: \"{}\" is not a primer: A, C, G, T only", primer)};
  };
  if (!step.reverse.empty()) check_bases(step.reverse);
  for (const auto& one : step.forward) check_bases(one.bases);
}

/// A reaction under way: top and bottom strands of every species, counted apart.
class reaction {
 public:
  reaction(const tube& from, const pcr_step& step, const pcr_options& options, std::uint64_t seed)
      : options_{options}, random_{seed}, step_{step}, tail_{reverse_complement(step.reverse)} {
    std::normal_distribution<double> spread{1, options.efficiency_spread};
    for (std::size_t i = 0; i < from.origins.size(); ++i)
      efficiencies_.push_back(std::clamp(options.efficiency * spread(random_), 0.0, 1.0));
    for (const auto& one : from.molecules) {
      auto& kind = kinds_[find(one.bases, one.origin)];
      kind.top += one.copies;
      kind.bottom += one.copies;
    }
  }

  void run_cycle(double annealing_c, double room) {
    if (annealing_c != annealing_c_) {
      annealing_c_ = annealing_c;
      for (auto& one : kinds_) one.chances = chances_of(one);
    }
    const auto sides = step_.forward.size() + (step_.reverse.empty() ? 0 : 1);
    const auto count = kinds_.size();  // those made in this cycle are templates from the next on
    std::vector<double> fresh_top(count), fresh_bottom(count);
    for (std::size_t i = 0; i < count; ++i) {
      const double efficiency = room * efficiencies_[kinds_[i].origin];
      for (std::size_t p = 0; p < sides; ++p) {
        const bool is_reverse = p == step_.forward.size();
        const double chance = efficiency * kinds_[i].chances[p];
        const double made = draw_of(is_reverse ? kinds_[i].top : kinds_[i].bottom, chance, random_);
        if (made <= 0) continue;
        const auto product = product_of(i, p);
        auto& into = is_reverse ? fresh_bottom : fresh_top;
        if (product >= into.size()) into.resize(kinds_.size());
        into[product] += made;
        made_ += made;
      }
    }
    for (std::size_t i = 0; i < fresh_top.size(); ++i) kinds_[i].top += fresh_top[i];
    for (std::size_t i = 0; i < fresh_bottom.size(); ++i) kinds_[i].bottom += fresh_bottom[i];
  }

  double made() const { return made_; }

  double copies() const {
    double sum = 0;
    for (const auto& kind : kinds_) sum += (kind.top + kind.bottom) / 2;
    return sum;
  }

  std::vector<species> molecules() const {
    std::vector<species> found;
    for (const auto& kind : kinds_)
      if (const double copies = (kind.top + kind.bottom) / 2; copies > 0)
        found.push_back({kind.bases, kind.origin, copies});
    return found;
  }

 private:
  struct counted {
    std::string bases;
    std::uint32_t origin = 0;
    double top = 0, bottom = 0;
    std::vector<priming> primings;     // by each forward primer, then by the reverse one
    std::vector<double> chances;       // that they start a copy, at this cycle's temperature
    std::vector<std::size_t> product;  // of each of them; none_yet until one is made
  };
  static constexpr std::size_t none_yet = static_cast<std::size_t>(-1);

  std::size_t find(std::string bases, std::uint32_t origin) {
    auto key = fmt::format("{}/{}", origin, bases);
    const auto [place, fresh] = index_.emplace(std::move(key), kinds_.size());
    if (fresh) {
      counted made{.bases = std::move(bases), .origin = origin};
      for (const auto& one : step_.forward) made.primings.push_back(prime(one.bases, made.bases, options_.model));
      // Seen from the reverse primer, the strand begins at its end.
      const auto site = made.bases.substr(made.bases.size() - std::min(made.bases.size(), tail_.size()));
      made.primings.push_back(prime(step_.reverse, reverse_complement(site), options_.model));
      made.product.assign(made.primings.size(), none_yet);
      made.chances = chances_of(made);
      kinds_.push_back(std::move(made));
    }
    return place->second;
  }

  /// Primers compete for a template: together they bind it once at most.
  std::vector<double> chances_of(const counted& one) const {
    std::vector<double> made;
    double forward = 0;
    for (std::size_t p = 0; p < one.primings.size(); ++p) {
      const auto& with = one.primings[p];
      const double concentration = p < step_.forward.size() ? step_.forward[p].concentration : 1;
      made.push_back(
          with.pass <= 0 ? 0 : concentration * with.pass * binding(with.melting_c, annealing_c_, options_.model));
      if (p < step_.forward.size()) forward += made.back();
    }
    for (std::size_t p = 0; p < step_.forward.size() && forward > 1; ++p) made[p] /= forward;
    return made;
  }

  std::size_t product_of(std::size_t i, std::size_t p) {
    if (kinds_[i].product[p] != none_yet) return kinds_[i].product[p];
    auto bases = kinds_[i].bases;
    if (p < step_.forward.size())
      bases.replace(0, std::min(bases.size(), step_.forward[p].bases.size()), step_.forward[p].bases);
    else
      bases.replace(bases.size() - std::min(bases.size(), tail_.size()), bases.npos, tail_);
    const auto found = find(std::move(bases), kinds_[i].origin);
    return kinds_[i].product[p] = found;
  }

  pcr_options options_;
  generator random_;
  pcr_step step_;
  std::string tail_;
  std::vector<double> efficiencies_;
  std::vector<counted> kinds_;
  std::unordered_map<std::string, std::size_t> index_;
  double made_ = 0;
  double annealing_c_ = 0;
};

/// As warm as the coolest primer that matters allows.
double annealing_c(const pcr_step& step) {
  double coolest = step.reverse.empty() ? 100 : melting_c(step.reverse);
  for (const auto& one : step.forward)
    if (one.concentration >= 1) coolest = std::min(coolest, melting_c(one.bases));
  return coolest - step.below_melting_c;
}

pcr_result run_step(const tube& from, const pcr_step& step, const pcr_options& options, std::uint64_t seed) {
  const double annealing = annealing_c(step);
  reaction running{from, step, options, seed};
  pcr_result result;
  for (int cycle = 0; cycle < step.cycles; ++cycle) {
    const double room = std::max(0.0, 1 - running.made() / options.strands_max);
    result.saturated = result.saturated || room < 0.5;
    const int left = step.touch_down_cycles - cycle;
    const double above = left > 0 ? step.touch_down_from_c * left / step.touch_down_cycles : 0;
    running.run_cycle(annealing + above, room);
    result.copies_after.push_back(running.copies());
  }
  result.product = {running.molecules(), from.origins, from.history + fmt::format(", {} cycles of PCR", step.cycles)};
  return result;
}

/// What is left of the primers before, beside those of this step.
void carry_primers(const pcr_step& before, pcr_step& into) {
  for (const auto& left : before.forward) {
    const auto same = std::find_if(into.forward.begin(), into.forward.end(),
                                   [&](const primer& one) { return one.bases == left.bases; });
    if (same == into.forward.end()) into.forward.push_back({left.bases, left.concentration * into.carried});
  }
}

}  // namespace

pcr_result amplify(const tube& from, const std::vector<pcr_step>& steps, const pcr_options& options,
                   std::uint64_t seed) {
  if (steps.empty()) throw std::invalid_argument{"PCR: no step"};
  for (const auto& step : steps) check(step);
  pcr_result result{.product = from};
  pcr_step before;
  for (auto step : steps) {
    carry_primers(before, step);
    seed += 2;
    const auto sample = step.carried < 1 ? dilute(result.product, step.carried, seed) : std::move(result.product);
    auto next = run_step(sample, step, options, seed + 1);
    next.copies_after.insert(next.copies_after.begin(), result.copies_after.begin(), result.copies_after.end());
    next.saturated = next.saturated || result.saturated;
    result = std::move(next);
    before = std::move(step);
  }
  return result;
}

}  // namespace chromatin::dna::wetlab

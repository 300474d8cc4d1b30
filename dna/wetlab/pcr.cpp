#include "dna/wetlab/sampled_pcr.hpp"

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>
#include <xxhash.h>

#include "dna/geometry/sequence.hpp"
#include "dna/wetlab/draw.hpp"
#include "dna/wetlab/kind_index.hpp"

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

/// The bases that a primer sees of a strand from one of its ends.
std::string_view first_of(std::string_view bases, std::size_t count) { return bases.substr(0, count); }
std::string_view last_of(std::string_view bases, std::size_t count) {
  return bases.substr(bases.size() - std::min(bases.size(), count));
}

std::size_t longest(std::span<const pcr_step> steps) {
  std::size_t most = 0;
  for (const auto& step : steps)
    for (const auto& one : step.forward) most = std::max(most, one.bases.size());
  return most;
}

bool is_near(const priming& with, const priming_model& model) { return with.pass > model.floor; }
bool is_far(const priming& with, const priming_model& model) { return with.pass > 0 && !is_near(with, model); }

/// A reaction under way: top and bottom strands of every species, counted apart.
class reaction {
 public:
  reaction(const tube& from, const pcr_step& step, const pcr_options& options, const pcr_sampling& sampling,
           std::uint64_t seed)
      : options_{options},
        sampling_{sampling},
        random_{seed},
        step_{step},
        tail_{reverse_complement(step.reverse)},
        seen_{longest(std::span{&step, 1})} {
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
      for (auto& [bases, site] : sites_) set_chances(site);
      for (auto& [bases, end] : ends_) end.chance = bound(end.with);
    }
    const auto count = kinds_.size();  // those made in this cycle are templates from the next on
    std::vector<double> fresh_top(count), fresh_bottom(count);
    for (std::size_t i = 0; i < count; ++i) {
      const double efficiency = room * efficiencies_[kinds_[i].origin];
      const auto copy = [&](std::size_t by, double chance, double templates, std::vector<double>& into) {
        const double made = draw_of(templates, efficiency * chance, random_);
        if (made <= 0) return;
        const auto product = product_of(i, by);
        if (product >= into.size()) into.resize(kinds_.size());
        into[product] += made;
        made_ += made;
      };
      const auto reverse = kinds_[i].reverse_way;
      for (auto by = kinds_[i].first_way; by < reverse; ++by)
        copy(by, chance_of(kinds_[i], ways_[by].primer), kinds_[i].bottom, fresh_top);
      if (!step_.reverse.empty()) copy(reverse, kinds_[i].end->chance, kinds_[i].top, fresh_bottom);
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
  struct primed {
    priming with;
    double chance = 0;  // that it starts a copy, at this cycle's temperature
  };
  /// How strands begin, and what that is for each forward primer: strands of one block share it.
  struct forward_site {
    std::vector<primed> primers;
    std::size_t far = 0;  // primers that are
  };
  /// A primer that may copy a kind, and what that makes; none until one is made.
  struct way {
    std::uint32_t primer, product;
  };
  struct counted {
    std::string bases;
    std::uint32_t origin = 0;
    double top = 0, bottom = 0;
    const forward_site* begin = nullptr;
    const primed* end = nullptr;
    std::size_t first_way = 0, reverse_way = 0;  // in ways_: those of forward primers, then the reverse primer's
    double far_weight = 1;                       // each far primer of them stands for so many
  };

  std::uint32_t find(std::string_view bases, std::uint32_t origin) {
    const auto key = XXH3_64bits_withSeed(bases.data(), bases.size(), origin);
    const auto known = index_.find(
        key, [&](std::uint32_t number) { return kinds_[number].origin == origin && kinds_[number].bases == bases; });
    if (known != kind_index::none) return known;
    const auto number = static_cast<std::uint32_t>(kinds_.size());
    index_.add(key, number);
    auto& made = kinds_.emplace_back(counted{.bases = std::string{bases}, .origin = origin});
    made.begin = &site_of(bases);
    made.end = &end_of(bases);
    choose_primers(made);
    return number;
  }

  const forward_site& site_of(std::string_view bases) {
    const auto [place, fresh] = sites_.try_emplace(std::string{first_of(bases, seen_)});
    auto& site = place->second;
    if (fresh) {
      for (const auto& one : step_.forward) {
        site.primers.push_back({prime(one.bases, place->first, options_.model)});
        site.far += is_far(site.primers.back().with, options_.model);
      }
      set_chances(site);
    }
    return site;
  }

  /// Seen from the reverse primer, the strand begins at its end.
  const primed& end_of(std::string_view bases) {
    const auto [place, fresh] = ends_.try_emplace(std::string{last_of(bases, tail_.size())});
    if (fresh) {
      place->second.with = prime(step_.reverse, reverse_complement(place->first), options_.model);
      place->second.chance = bound(place->second.with);
    }
    return place->second;
  }

  double bound(const priming& with) const {
    return with.pass <= 0 ? 0 : with.pass * binding(with.melting_c, annealing_c_, options_.model);
  }
  /// Primers compete for a template: together they bind it once at most.
  void set_chances(forward_site& site) const {
    double sum = 0;
    for (std::size_t p = 0; p < site.primers.size(); ++p) {
      site.primers[p].chance = step_.forward[p].concentration * bound(site.primers[p].with);
      sum += site.primers[p].chance;
    }
    if (sum > 1)
      for (auto& one : site.primers) one.chance /= sum;
  }

  double chance_of(const counted& kind, std::uint32_t primer) const {
    const auto& [with, chance] = kind.begin->primers[primer];
    return kind.far_weight != 1 && is_far(with, options_.model) ? kind.far_weight * chance : chance;
  }

  /// All, or those that are near and some of the others: the same ones for all copies of a strand, so that these do not
  /// become more and more species.
  void choose_primers(counted& made) {
    const auto all = static_cast<std::uint32_t>(step_.forward.size());
    const auto most = sampling_.far_primers_max == 0 ? all : sampling_.far_primers_max;
    const auto first = made.begin->far > most ? static_cast<std::uint32_t>(made.origin * 2654435761U % all) : 0;
    std::size_t far = 0;
    made.first_way = ways_.size();
    for (std::uint32_t i = 0; i < all; ++i) {
      const auto p = (first + i) % all;
      const auto& with = made.begin->primers[p].with;
      if (is_near(with, options_.model) || (is_far(with, options_.model) && far++ < most))
        ways_.push_back({p, kind_index::none});
    }
    std::ranges::sort(std::span{ways_}.subspan(made.first_way), {}, &way::primer);
    made.reverse_way = ways_.size();
    ways_.push_back({all, kind_index::none});
    if (made.begin->far > most) made.far_weight = static_cast<double>(made.begin->far) / static_cast<double>(most);
  }

  std::uint32_t product_of(std::size_t i, std::size_t by) {
    if (ways_[by].product != kind_index::none) return ways_[by].product;
    copy_ = kinds_[i].bases;
    if (by < kinds_[i].reverse_way) {
      const auto& primer = step_.forward[ways_[by].primer].bases;
      copy_.replace(0, std::min(copy_.size(), primer.size()), primer);
    } else {
      copy_.replace(copy_.size() - std::min(copy_.size(), tail_.size()), copy_.npos, tail_);
    }
    const auto found = find(copy_, kinds_[i].origin);
    return ways_[by].product = found;
  }

  pcr_options options_;
  pcr_sampling sampling_;
  generator random_;
  pcr_step step_;
  std::string tail_;
  std::size_t seen_;  // bases of a strand that forward primers see
  std::vector<double> efficiencies_;
  std::vector<counted> kinds_;
  std::vector<way> ways_;                                // of all kinds, one after the other
  kind_index index_;                                     // of kinds_, by bases and origin
  std::unordered_map<std::string, forward_site> sites_;  // whose elements stay where they are
  std::unordered_map<std::string, primed> ends_;
  std::string copy_;  // so that one that is known costs no memory of its own
  double made_ = 0;
  double annealing_c_ = 0;
};

/// Strands to which a primer is near, and of the others so many, drawn, that stand for all of them.
tube with_fewer_far(const tube& from, std::span<const pcr_step> steps, const priming_model& model, std::size_t most,
                    std::uint64_t seed) {
  const auto seen = longest(steps);
  std::unordered_map<std::string_view, bool> far_sites;
  std::vector<bool> far;
  for (const auto& one : from.molecules) {
    const auto [place, fresh] = far_sites.try_emplace(first_of(one.bases, seen), true);
    if (fresh)
      for (const auto& step : steps)
        for (const auto& with : step.forward)
          place->second = place->second && !is_near(prime(with.bases, place->first, model), model);
    far.push_back(place->second);
  }
  const auto count = static_cast<double>(std::ranges::count(far, true));
  const double share = static_cast<double>(most) / std::max(count, 1.0);
  if (share >= 1) return from;
  generator random{seed};
  std::bernoulli_distribution taken{share};
  tube made{.origins = from.origins, .history = from.history};
  for (std::size_t i = 0; i < from.molecules.size(); ++i) {
    const auto& one = from.molecules[i];
    if (!far[i])
      made.molecules.push_back(one);
    else if (taken(random))
      made.molecules.push_back({one.bases, one.origin, one.copies / share});
  }
  return made;
}

pcr_result run_step(const tube& from, const pcr_step& step, const pcr_options& options, const pcr_sampling& sampling,
                    std::uint64_t seed) {
  const double annealing = annealing_c(step);
  reaction running{from, step, options, sampling, seed};
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

double annealing_c(const pcr_step& step) {
  double coolest = step.reverse.empty() ? 100 : melting_c(step.reverse);
  for (const auto& one : step.forward)
    if (one.concentration >= 1) coolest = std::min(coolest, melting_c(one.bases));
  return coolest - step.below_melting_c;
}

pcr_result amplify(const tube& from, const std::vector<pcr_step>& steps, const pcr_options& options,
                   std::uint64_t seed) {
  return amplify(from, steps, options, {}, seed);
}

pcr_result amplify(const tube& from, const std::vector<pcr_step>& steps, const pcr_options& options,
                   const pcr_sampling& sampling, std::uint64_t seed) {
  if (steps.empty()) throw std::invalid_argument{"PCR: no step"};
  for (const auto& step : steps) check(step);
  const auto most = sampling.far_strands_max;
  pcr_result result{.product = most > 0 ? with_fewer_far(from, steps, options.model, most, seed) : from};
  pcr_step before;
  for (auto step : steps) {
    carry_primers(before, step);
    seed += 2;
    const auto sample = step.carried < 1 ? dilute(result.product, step.carried, seed) : std::move(result.product);
    auto next = run_step(sample, step, options, sampling, seed + 1);
    next.copies_after.insert(next.copies_after.begin(), result.copies_after.begin(), result.copies_after.end());
    next.saturated = next.saturated || result.saturated;
    result = std::move(next);
    before = std::move(step);
  }
  return result;
}

}  // namespace chromatin::dna::wetlab

#include "dna/wetlab/sequencer.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <unordered_map>

#include <fmt/format.h>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna::wetlab {

channel::channel(error_profile profile, std::uint64_t seed) : profile_{std::move(profile)}, random_{seed} {
  double densest = 1;
  for (const double share : profile_.along)
    densest = std::max(densest, share * static_cast<double>(profile_.along.size()));
  rate_max_ = std::min(0.9, profile_.error_rate() * densest);
}

/// The next position with an error, at the earliest `from`: leaps at the densest rate, some of them taken back where
/// errors are rarer.
std::size_t channel::next_error(std::size_t from, std::size_t length) {
  if (rate_max_ <= 0) return length;
  for (;; ++from) {
    from += static_cast<std::size_t>(std::min(1e9, std::log(1 - chance_(random_)) / std::log(1 - rate_max_)));
    if (from >= length) return length;
    const auto parts = profile_.along.size();
    const double here = parts == 0 ? 1 : profile_.along[from * parts / length] * static_cast<double>(parts);
    if (chance_(random_) * rate_max_ < profile_.error_rate() * here) return from;
  }
}

std::size_t channel::pick(const std::array<double, 4>& shares) {
  double left = chance_(random_);
  for (std::size_t i = 0; i < 3; ++i)
    if ((left -= shares[i]) < 0) return i;
  return shares[3] > 0 ? 3 : static_cast<std::size_t>(std::max_element(shares.begin(), shares.end()) - shares.begin());
}

char channel::phred(int quality) {
  const int spread = static_cast<int>(random_() % 5) - 2;
  return static_cast<char>(33 + std::clamp(quality + spread, 2, 60));
}

void channel::put_error(char base, std::string& bases, std::string& quality) {
  const double kind = chance_(random_) * profile_.error_rate();
  const int index = base_index(base);
  if (kind < profile_.deletion) return;
  if (kind < profile_.deletion + profile_.insertion) {
    bases += "ACGT"[pick(profile_.inserted)];
    bases += base;
    quality += phred(profile_.error_quality);
    quality += phred(profile_.quality);
  } else {
    bases += index < 0 ? base : "ACGT"[pick(profile_.becomes[static_cast<std::size_t>(index)])];
    quality += phred(profile_.error_quality);
  }
}

void channel::pass(std::string_view strand, std::string& bases, std::string& quality) {
  bases.clear();
  quality.clear();
  for (std::size_t at = 0; at < strand.size();) {
    const auto error = next_error(at, strand.size());
    bases += strand.substr(at, error - at);
    for (; at < error; ++at) quality += phred(profile_.quality);
    if (error < strand.size()) put_error(strand[at++], bases, quality);
  }
}

bool channel::pass_either(std::string_view strand, std::string& bases, std::string& quality) {
  pass(strand, bases, quality);
  if (chance_(random_) >= profile_.reversed) return false;
  bases = reverse_complement(bases);
  std::reverse(quality.begin(), quality.end());
  return true;
}

sequencing_run draw_molecules(const tube& from, std::uint64_t count, double coverage_variation, std::uint64_t seed) {
  generator random{seed};
  const double squared = coverage_variation * coverage_variation;
  std::gamma_distribution<double> skew{squared > 0 ? 1 / squared : 1, squared > 0 ? squared : 1};
  std::vector<double> up_to;
  for (const auto& one : from.molecules) {
    const double yield = one.copies * (squared > 0 ? skew(random) : 1);
    up_to.push_back((up_to.empty() ? 0 : up_to.back()) + yield);
  }
  if (up_to.empty() || up_to.back() <= 0) throw std::invalid_argument{"sequence: there is nothing in the tube"};
  sequencing_run run{.error_seed = random()};
  std::uniform_real_distribution<double> place{0, up_to.back()};
  std::unordered_map<std::size_t, std::uint32_t> known;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto found = std::upper_bound(up_to.begin(), up_to.end(), place(random)) - up_to.begin();
    const auto which = std::min(static_cast<std::size_t>(found), from.molecules.size() - 1);
    const auto [at, fresh] = known.try_emplace(which, static_cast<std::uint32_t>(run.molecules.size()));
    if (fresh) run.molecules.push_back({from.molecules[which].bases, from.origins.at(from.molecules[which].origin)});
    run.reads.push_back(at->second);
  }
  return run;
}

void read_molecules(const sequencing_run& run, const error_profile& profile,
                    const std::function<void(const read&)>& take) {
  channel instrument{profile, run.error_seed};
  read made;
  std::uint64_t number = 0;
  for (auto which : run.reads) {
    const auto& molecule = run.molecules[which];
    instrument.pass_either(molecule.bases, made.bases, made.quality);
    made.name = fmt::format("simulated.{}.{}", ++number, molecule.origin);
    take(made);
  }
}

void sequence(const tube& from, std::uint64_t count, const error_profile& profile, double coverage_variation,
              std::uint64_t seed, const std::function<void(const read&)>& take) {
  read_molecules(draw_molecules(from, count, coverage_variation, seed), profile, take);
}

}  // namespace chromatin::dna::wetlab

#include "dna/wetlab/synthesis.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "dna/geometry/sequence.hpp"
#include "dna/wetlab/draw.hpp"
#include "dna/wetlab/sequencer.hpp"

namespace chromatin::dna::wetlab {

tube synthesise(const std::vector<std::string>& strands, const std::vector<std::string>& names,
                const synthesis_options& options, std::uint64_t seed) {
  if (!names.empty() && names.size() != strands.size())
    throw std::invalid_argument{"synthesise: as many names as strands, or none"};
  generator random{seed};
  tube made{.history = fmt::format("synthesised with {:.3g} copies each (seed {})", options.copies, seed)};
  const double squared = options.copy_number_variation * options.copy_number_variation;
  std::gamma_distribution<double> skew{squared > 0 ? 1 / squared : 1, squared > 0 ? squared : 1};
  std::uniform_real_distribution<double> chance;
  channel errors{options.errors, random()};
  for (std::size_t i = 0; i < strands.size(); ++i) {
    made.origins.push_back(names.empty() ? fmt::format("strand{}", i + 1) : names[i]);
    const double relative = squared > 0 ? skew(random) : 1;
    if (options.dropout > 0 && chance(random) < options.dropout) continue;
    const double copies = options.copies * relative * std::exp(10 * options.pcr_bias * (gc_share(strands[i]) - 0.5));
    const auto origin = static_cast<std::uint32_t>(i);
    if (options.founders <= 0) {
      made.molecules.push_back({strands[i], origin, copies});
      continue;
    }
    // Skew is in the number of founders, and amplification gives each a yield of its own.
    const auto founders = std::poisson_distribution<int>{options.founders * relative}(random);
    std::exponential_distribution<double> yield;
    std::string bases, quality;
    for (int k = 0; k < founders; ++k) {
      errors.pass(strands[i], bases, quality);
      made.molecules.push_back({bases, origin, copies / (options.founders * relative) * yield(random)});
    }
  }
  return made;
}

synthesis_options as_measured(const error_profile& profile, double founders) {
  synthesis_options options{.copy_number_variation = profile.copy_number_variation, .dropout = profile.dropout};
  options.founders = founders;
  if (founders > 0) options.errors = profile;
  return options;
}

tube as_measured_copies(const tube& from, const error_profile& profile, std::uint64_t seed) {
  generator random{seed};
  const double squared = profile.copy_number_variation * profile.copy_number_variation;
  std::gamma_distribution<double> skew{squared > 0 ? 1 / squared : 1, squared > 0 ? squared : 1};
  std::bernoulli_distribution lost{profile.dropout};
  auto made = from;
  for (auto& one : made.molecules) {
    if (squared > 0) one.copies *= skew(random);
    if (profile.dropout > 0 && lost(random)) one.copies = 0;
  }
  std::erase_if(made.molecules, [](const auto& one) { return one.copies <= 0; });
  made.history += fmt::format(", copies as of {}", profile.name);
  return made;
}

tube damage(const tube& from, double depurination, double deamination, std::uint64_t seed) {
  if (!(depurination >= 0 && depurination <= 1 && deamination >= 0 && deamination <= 1))
    throw std::invalid_argument{"damage: chances are between 0 and 1"};
  generator random{seed};
  tube made{.origins = from.origins,
            .history = from.history + fmt::format(", depurinated by {:.3g} and deaminated by {:.3g} a base",
                                                  depurination, deamination)};
  constexpr double few = 16;
  for (const auto& one : from.molecules) {
    const auto count = [&](char a, char b) {
      return static_cast<double>(std::count(one.bases.begin(), one.bases.end(), a) +
                                 std::count(one.bases.begin(), one.bases.end(), b));
    };
    // Either strand of a double strand may break; the other is a template still.
    const double intact = 1 - std::pow(1 - std::pow(1 - depurination, count('A', 'G')), 2);
    const double left = draw_of(one.copies, intact, random);
    const double harmed_chance = 1 - std::pow(1 - deamination, count('C', 'C'));
    const double harmed = draw_of(left, harmed_chance, random);
    if (left > harmed) made.molecules.push_back({one.bases, one.origin, left - harmed});
    const auto kinds = static_cast<int>(std::ceil(std::min(harmed, few)));
    for (int k = 0; k < kinds; ++k) {
      auto bases = one.bases;
      bool changed = false;
      for (int tries = 0; !changed && tries < 1000; ++tries)
        for (auto& base : bases)
          if (base == 'C' && std::bernoulli_distribution{deamination}(random)) base = 'T', changed = true;
      made.molecules.push_back({std::move(bases), one.origin, harmed / kinds});
    }
  }
  return made;
}

tube age(const tube& from, double half_lives, std::uint64_t seed) {
  if (!(half_lives >= 0)) throw std::invalid_argument{"age: a time is not negative"};
  auto made = dilute(from, std::exp2(-half_lives), seed);
  made.history = from.history + fmt::format(", aged by {:.3g} half-lives", half_lives);
  return made;
}

tube mix(const tube& one, const tube& other) {
  auto made = one;
  pour(other, made);
  made.history = one.history + ", mixed with (" + other.history + ")";
  return made;
}

void pour(const tube& other, tube& into) {
  const auto first = static_cast<std::uint32_t>(into.origins.size());
  into.origins.insert(into.origins.end(), other.origins.begin(), other.origins.end());
  for (auto molecule : other.molecules) {
    molecule.origin += first;
    into.molecules.push_back(std::move(molecule));
  }
}

}  // namespace chromatin::dna::wetlab

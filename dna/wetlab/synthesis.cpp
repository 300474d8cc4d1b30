#include "dna/wetlab/synthesis.hpp"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "dna/wetlab/draw.hpp"

namespace chromatin::dna::wetlab {

tube synthesise(const std::vector<std::string>& strands, const std::vector<std::string>& names,
                const synthesis_options& options, std::uint64_t seed) {
  if (!names.empty() && names.size() != strands.size())
    throw std::invalid_argument{"synthesise: as many names as strands, or none"};
  generator random{seed};
  tube made{.history = fmt::format("synthesised with {:.3g} copies each (seed {})", options.copies, seed)};
  const double squared = options.copy_number_variation * options.copy_number_variation;
  std::gamma_distribution<double> skew{squared > 0 ? 1 / squared : 1, squared > 0 ? squared : 1};
  for (std::size_t i = 0; i < strands.size(); ++i) {
    made.origins.push_back(names.empty() ? fmt::format("strand{}", i + 1) : names[i]);
    const double copies = squared > 0 ? options.copies * skew(random) : options.copies;
    made.molecules.push_back({strands[i], static_cast<std::uint32_t>(i), copies});
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
  const auto first = static_cast<std::uint32_t>(one.origins.size());
  made.origins.insert(made.origins.end(), other.origins.begin(), other.origins.end());
  for (auto molecule : other.molecules) {
    molecule.origin += first;
    made.molecules.push_back(std::move(molecule));
  }
  made.history = one.history + ", mixed with (" + other.history + ")";
  return made;
}

}  // namespace chromatin::dna::wetlab

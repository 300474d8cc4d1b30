#include "dna/geometry/description.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <xxhash.h>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {
namespace {

void check_primer(const profile& geometry, std::string_view which, std::string_view primer) {
  if (primer.size() != geometry.primer_nt)
    throw profile_error{fmt::format("the {} primer {} has {} bases, but the profile says {}", which, primer,
                                    primer.size(), geometry.primer_nt)};
  for (const char base : primer)
    if (base_index(base) < 0)
      throw profile_error{fmt::format("the {} primer {} may hold A, C, G and T only", which, primer)};
  for (const auto& motif : geometry.avoid)
    if (primer.find(motif) != primer.npos || primer.find(reverse_complement(motif)) != primer.npos)
      throw profile_error{
          fmt::format("the {} primer {} has {}, which is to be avoided: choose another pair", which, primer, motif)};
  const auto run = longest_run(primer), run_max = std::min(4U, geometry.homopolymer_max);
  if (run > run_max)
    throw profile_error{
        fmt::format("the {} primer {} repeats a base {} times, at most {} are allowed", which, primer, run, run_max)};
}

}  // namespace

std::uint64_t seed_of(const primer_pair& primers) {
  const std::string both = primers.forward + "/" + primers.reverse;
  return XXH3_64bits(both.data(), both.size());
}

partition_description describe(profile geometry, primer_pair primers) {
  const auto seed = seed_of(primers);
  return describe(std::move(geometry), std::move(primers), seed);
}

partition_description describe(profile geometry, primer_pair primers, std::uint64_t seed) {
  geometry.check();
  check_primer(geometry, "forward", primers.forward);
  check_primer(geometry, "reverse", primers.reverse);
  if (primers.forward == primers.reverse)
    throw profile_error{fmt::format("both primers are {}: a pair needs two", primers.forward)};
  // No address begins with the same base twice.
  const auto front = primers.forward + geometry.sync;
  if (longest_run(front + front.back()) > geometry.homopolymer_max)
    throw profile_error{
        fmt::format("the forward primer {} and sync \"{}\" end in a run that an address may make longer than {}: "
                    "choose another sync",
                    primers.forward, geometry.sync, geometry.homopolymer_max)};
  return {std::move(geometry), std::move(primers), seed};
}

}  // namespace chromatin::dna

#include "archive/shortage.hpp"

#include <algorithm>
#include <cmath>

namespace chromatin::archive {
namespace {

constexpr double most_at_once = 8;
/// Where other blocks have so many reads a molecule, one without a read is not in the tube.
constexpr double ample_reads_a_molecule = 20;
/// Molecules that count as seen where none was.
constexpr double none_seen = 0.5;

const dna::block_outcome* find(std::span<const dna::block_outcome> outcomes, const dna::block_id& id) {
  const auto found = std::ranges::find(outcomes, id, &dna::block_outcome::id);
  return found == outcomes.end() ? nullptr : &*found;
}

/// By what the reads so far are to be multiplied, so that a block with `seen` molecules has `needed` of `all`.
double factor(double seen, double needed, double all) {
  if (seen >= needed) return 2;  // molecules enough, and wrong: each needs more reads to outvote its errors
  const auto rate = [&](double molecules) { return -std::log(1 - molecules / all); };
  return std::min(most_at_once + 1, rate(needed) / rate(std::max(seen, none_seen)));
}

/// How many of the reads were for these blocks: what others had of them who shared the PCR is not ordered again. Strays
/// are nobody's, and come once more.
double reads_for(std::span<const dna::block_id> wanted, std::span<const dna::block_outcome> outcomes,
                 std::uint64_t reads) {
  double own = 0, all = 0;
  for (const auto& one : outcomes) {
    const auto of_these = std::ranges::find(wanted, one.id) != wanted.end();
    const auto count = of_these || !one.trace ? static_cast<double>(one.reads) : 0;
    all += count;
    own += of_these ? count : 0;
  }
  return static_cast<double>(reads) * (own > 0 ? own / all : 1);
}

}  // namespace

std::optional<shortage> shortage_of(std::span<const dna::block_id> wanted, std::span<const dna::block_outcome> outcomes,
                                    std::uint64_t reads, const dna::profile& geometry) {
  const double all = geometry.molecules(), needed = std::min(all - 0.5, geometry.data_molecules + 1.0);
  shortage lacking;
  std::vector<double> seen;
  double decoded = 0, decoded_reads = 0;
  for (const auto& id : wanted) {
    const auto* outcome = find(outcomes, id);
    if (outcome && outcome->decoded) {
      ++decoded;
      decoded_reads += static_cast<double>(outcome->reads);
      continue;
    }
    lacking.missing.push_back(id);
    seen.push_back(outcome ? outcome->molecules : 0);
  }
  if (lacking.missing.empty()) return {};
  const bool ample = decoded_reads > decoded * all * ample_reads_a_molecule;
  double times = 1;
  for (auto molecules : seen)
    if (molecules > 0 || !ample) times = std::max(times, factor(molecules, needed, all));
  lacking.reads_more = static_cast<std::uint64_t>(std::ceil((times - 1) * reads_for(wanted, outcomes, reads)));
  return lacking;
}

}  // namespace chromatin::archive

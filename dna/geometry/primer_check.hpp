#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "dna/geometry/primer3.hpp"
#include "dna/geometry/strand.hpp"

namespace chromatin::dna {

/// Thermodynamics of one primer that a PCR of a partition would use, in degrees Celsius.
struct primer_check {
  subtree node;
  std::string primer;
  double melting_c = 0;
  double hairpin_c = 0;     ///< most stable hairpin
  double self_dimer_c = 0;  ///< with itself
  double dimer_c = 0;       ///< with the other primer of the pair

  /// All structures melt below primer3::structure_max_c.
  bool usable() const;
};

/// Of the forward primer elongated to each of these nodes. `progress` hears how many are done.
std::vector<primer_check> check_primers(const strand_layout& layout, std::span<const subtree> nodes,
                                        const primer3& programs,
                                        const std::function<void(std::size_t done)>& progress = {});

/// Every node of the address tree, from the root down.
std::vector<subtree> all_nodes(const address_tree& addresses);

/// Nodes for a PCR without poor primers: a node whose primer is not usable gives way to those below it, a leaf to the
/// nearest node above it whose primer is, which brings its neighbours too. `occupied`: whether anything was ever
/// written below a node. `said` gets a line for each change, and for each poor primer that nothing can be put in the
/// place of.
std::vector<subtree> usable_nodes(const strand_layout& layout, std::span<const subtree> nodes, const primer3& programs,
                                  const std::function<bool(const subtree&)>& occupied, std::vector<std::string>& said);

/// How many elongated primers of a sample (149 in the default profile) have a hairpin above primer3::structure_max_c.
/// Of all that can be wrong with one this is by far the most frequent: the primer pairs with the address behind it.
std::size_t poor_prefixes(const strand_layout& layout, const primer3& programs);

/// Pairs as in primer_library(): design_primers with melting points of 58.5 to 61.5 °C, hairpins below 35 °C, and
/// dimers of any two below 25 °C; of a pair's two directions the one with fewer poor prefixes, and of the pairs those
/// first that have the fewest.
std::vector<primer_pair> design_checked_primers(std::size_t count, std::uint32_t primer_nt, std::uint64_t seed,
                                                const primer3& programs,
                                                const std::function<void(std::size_t done)>& progress = {});

}  // namespace chromatin::dna

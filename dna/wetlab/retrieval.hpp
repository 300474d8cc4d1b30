#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dna/geometry/strand.hpp"
#include "dna/wetlab/pcr.hpp"
#include "dna/wetlab/synthesis.hpp"

namespace chromatin::dna::wetlab {

/// How blocks are pulled out of a partition's tube.
enum class protocol {
  plain,       ///< one PCR with primers elongated to the blocks (arXiv 2212.13447)
  touch_down,  ///< the same, annealing warmer in the first cycles
  two_step,    ///< a PCR for the subtrees two levels above, then, from a thousandth of it, one for the blocks
  hot_start,   ///< plain, after cycles without the reverse primer, as warm as the elongated primer bears
  precise,     ///< two_step, each step after such cycles: the most precise, and the default
};

/// "plain", "touch-down", "two-step", "hot-start", "precise". Throws std::invalid_argument with the choice there is.
protocol protocol_of(std::string_view name);
std::string_view name_of(protocol how);

/// The reactions that bring what lies below `targets` (address_tree::cover, in order). Where siblings are wanted, their
/// parent's primer stands for them, as long as that brings at most a quarter more leaves. Concentrations are such that
/// all primers of a reaction copy alike. Throws std::invalid_argument where there are none.
std::vector<pcr_step> plan(const strand_layout& layout, const std::vector<subtree>& targets, protocol how);

enum class pooling {
  apart,    ///< a reaction for each target, on a plate; products poured together in proportion to their leaves
  one_pot,  ///< all primers in one reaction (multiplex): less work, and primers that copy each other's strands
};

/// plan and amplify, for all targets. Throws as they do.
pcr_result retrieve(const tube& from, const strand_layout& layout, const std::vector<subtree>& targets, protocol how,
                    pooling pots, const pcr_options& options, std::uint64_t seed);

/// The id in a name that strand_name (dna/partition/store.hpp) made: in a tube, every copy tells by it where it came
/// from.
std::optional<strand_id> parse_strand_name(std::string_view name);
/// Strands as the codec makes them, in any order. Throws std::invalid_argument for one that is not the
/// partition's.
tube synthesise_partition(const strand_layout& layout, const std::vector<std::string>& strands,
                          const synthesis_options& options, std::uint64_t seed);

/// What is in a tube, by how far from the targets in the address tree it came.
struct composition {
  struct origin {
    std::uint32_t distance = 0;  ///< levels up to a node that holds it and a target; 0: on target
    std::uint64_t strands = 0;   ///< ordered ones
    double copies = 0;
    double rewritten = 0;  ///< of the copies: misprimed, so that they carry a target's address
  };
  std::vector<origin> by_distance;  ///< from 0 up to the tree's levels
  double foreign = 0;               ///< copies of no strand of this partition

  double copies() const;
  double on_target_share() const;
};
composition compose(const tube& content, const strand_layout& layout, const std::vector<subtree>& targets);

}  // namespace chromatin::dna::wetlab

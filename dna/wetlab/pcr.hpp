#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dna/wetlab/priming.hpp"
#include "dna/wetlab/tube.hpp"

namespace chromatin::dna::wetlab {

struct primer {
  std::string bases;
  double concentration = 1;  ///< relative to what saturates a template
};

/// One reaction. The reverse primer is given as ordered, 5' to 3'; strands end with its reverse complement. Without
/// one, strands that begin with a forward primer grow linearly: only then can annealing be as warm as an elongated
/// primer allows, since the reverse primer is shorter and melts first.
struct pcr_step {
  std::vector<primer> forward;
  std::string reverse;
  int cycles = 25;
  double below_melting_c = 5;  ///< annealing, below the lowest melting temperature of the primers
  int touch_down_cycles = 0;   ///< of the cycles: they begin touch_down_from_c warmer and come down evenly
  double touch_down_from_c = 10;
  double carried = 1;  ///< share of the tube before that goes in, and with it that share of its primers
};

/// What it anneals at, after the cycles of a touch-down: as warm as the coolest primer that matters allows.
double annealing_c(const pcr_step& step);

struct pcr_options {
  double efficiency = 0.95;          ///< of a bound, matching primer
  double efficiency_spread = 0.005;  ///< standard deviation between strands, lasting over all cycles
  double strands_max = 6e12;  ///< what the reagents make: 0.2 uM of each primer in 50 ul; efficiency falls towards it
  priming_model model;
};

struct pcr_result {
  tube product;
  std::vector<double> copies_after;  ///< each cycle
  bool saturated = false;            ///< reagents ran out: efficiency fell below a half
};

/// Cycle by cycle: forward primers copy bottom strands, reverse primers top strands, with chances of priming_model; a
/// copy that was started by a mismatched primer begins with that primer and is a species of its own, with its
/// template's origin. Primers of a step that are carried into the next go on priming there. Throws
/// std::invalid_argument for no step, no forward primer, a primer that is not bases, or cycles not in 1..60.
pcr_result amplify(const tube& from, const std::vector<pcr_step>& steps, const pcr_options& options,
                   std::uint64_t seed);

}  // namespace chromatin::dna::wetlab

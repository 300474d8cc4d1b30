#pragma once

#include <string>
#include <string_view>

namespace chromatin::dna::wetlab {

/// How often a primer starts a copy on a template that it does not match. What falls in doubt falls against us: each
/// number is at the end of the published range where more wrong molecules are copied.
///
///   chance per template and cycle = binding(temperature) * pass
///   pass = 1 for a match, else max(floor, product over mismatches of pass_at(d) * further_mismatch^(mismatches - 1))
///   pass_at(d) = 1 - (1 - terminal_pass) * exp(-d / reach_nt), d bases from the primer's 3' end
///
/// A copy begins with the primer, whatever the template began with: it matches from then on, and its address is the
/// primer's.
struct priming_model {
  /// One mismatch at the 3' end. Stadhouders et al. 2010 (10.2353/jmoldx.2010.090035) see less than 1.5 cycles of delay
  /// (a share of 0.35) for the four mildest pairs (A-C, C-A, T-G, G-T) and more than 7 (0.008) for the four hardest.
  /// Every pair is taken for one of the mildest.
  double terminal_pass = 0.35;
  /// How fast that fades away from the 3' end. The same work finds most mismatches at 3 to 5 bases acceptable, below 2
  /// cycles: here one at 5 bases passes 0.76, one at 10 passes 0.91.
  double reach_nt = 5;
  /// What each mismatch after the first costs on top. Two at the 3' end then pass 0.033; published pairs of mismatches
  /// there are a hundredfold and more (Kwok et al. 1990).
  double further_mismatch = 0.2;
  /// No template with the partition's own primer site falls below this, however wrong the address. Not from pairs of
  /// mismatches measured one by one, which go down to 1e-6, but from the outcome: with it one plain PCR for one block
  /// out of 8,925 molecules comes out a little below the 48 % on target that arXiv 2212.13447 reports from the wet lab,
  /// as if all the rest had been mispriming. Some of that will have been leftover primer.
  double floor = 3.5e-3;
  /// Binding halves at the melting temperature and changes e-fold in this many degrees. Two-state melting of 20 to 30
  /// bases is sharper (1.4 to 2 degrees): the warmer steps of touch-down tell wrong from right less well here.
  double binding_width_c = 3;
};

/// Degrees Celsius, of `bases` with that share of G and C, in 50 mM salt: 81.5 + 16.6 log10(0.05) + 41 gc - 675 /
/// bases.
double melting_c(std::size_t bases, double gc);
double melting_c(std::string_view primer);

/// A primer on the site it should match, both 5' to 3' and the primer's way round.
struct priming {
  double pass = 0;       ///< of bound ones, per cycle
  double melting_c = 0;  ///< of this pair: as if mismatched bases were not there, which is too warm by several degrees
};

/// A site that is shorter than the primer has mismatches where it ends. More than a third mismatched do not bind at all
/// (pass 0): strands of other partitions.
priming prime(std::string_view primer, std::string_view site, const priming_model& model);

/// Share of templates with the primer on them.
double binding(double melting_c, double annealing_c, const priming_model& model);

}  // namespace chromatin::dna::wetlab

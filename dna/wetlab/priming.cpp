#include "dna/wetlab/priming.hpp"

#include <algorithm>
#include <cmath>

namespace chromatin::dna::wetlab {

namespace {

double gc_share(std::string_view bases) {
  const auto strong = std::count_if(bases.begin(), bases.end(), [](char base) { return base == 'G' || base == 'C'; });
  return bases.empty() ? 0 : static_cast<double>(strong) / static_cast<double>(bases.size());
}

}  // namespace

double melting_c(std::size_t bases, double gc) {
  return 81.5 + 16.6 * std::log10(0.05) + 41 * gc - 675 / static_cast<double>(std::max<std::size_t>(bases, 1));
}

double melting_c(std::string_view primer) { return melting_c(primer.size(), gc_share(primer)); }

priming prime(std::string_view primer, std::string_view site, const priming_model& model) {
  std::size_t mismatches = 0;
  double pass = 1;
  for (std::size_t d = 0; d < primer.size(); ++d) {
    const auto at = primer.size() - 1 - d;
    if (at < site.size() && site[at] == primer[at]) continue;
    pass *= 1 - (1 - model.terminal_pass) * std::exp(-static_cast<double>(d) / model.reach_nt);
    if (++mismatches > 1) pass *= model.further_mismatch;
    if (3 * mismatches > primer.size()) return {};
  }
  if (mismatches > 0) pass = std::max(pass, model.floor);
  return {pass, melting_c(primer.size() - mismatches, gc_share(primer))};
}

double binding(double melting, double annealing_c, const priming_model& model) {
  return 1 / (1 + std::exp((annealing_c - melting) / model.binding_width_c));
}

}  // namespace chromatin::dna::wetlab

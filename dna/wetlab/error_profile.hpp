#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

namespace chromatin::dna {
struct calibration;
}

namespace chromatin::dna::wetlab {

/// What synthesis and sequencing together do to a strand on its way to a read. Rates are shares of the strand's bases.
/// A value; `calibrate` makes one from real reads, the sequencer plays it.
struct error_profile {
  std::string name = "perfect";
  double substitution = 0, deletion = 0, insertion = 0;
  /// [base][other]: which base a substituted one becomes; each row sums to 1, the diagonal is 0. A C G T.
  std::array<std::array<double, 4>, 4> becomes{};
  std::array<double, 4> deleted{}, inserted{};  ///< by base, each sums to 1
  /// How the errors lie along the strand, as shares of equal parts of it: sums to 1. Empty: evenly.
  std::vector<double> along;
  double reversed = 0.5;                 ///< share of reads that are of the other strand
  double copy_number_variation = 0;      ///< standard deviation over mean of copy numbers, gamma distributed
  double dropout = 0;                    ///< share of strands that are not there at all
  int quality = 38, error_quality = 12;  ///< Phred, of right bases and of wrong ones, on average

  double error_rate() const { return substitution + deletion + insertion; }
};

/// No base is preferred: what is not measured.
error_profile even_profile(std::string name, double substitution, double deletion, double insertion);

/// Illumina reads of a good commercial pool, as calibrated from the LCRC reads: sub .13, del .14, ins .01 %; copy
/// numbers vary by .45 of their mean, which leaves 5.9 % of strands unseen at 4 reads a strand.
error_profile illumina_profile();
/// Illumina reads of a bad synthesis, as calibrated from the bad pool of dt4dds: sub 1.04, del .50, ins .10 %; copy
/// numbers vary by .78 of their mean, 2.9 % of strands are not there at all.
error_profile bad_synthesis_profile();
/// Nanopore-like: 6 % errors (sub 2.4, del 2.4, ins 1.2 %) on the same copy numbers.
error_profile nanopore_profile();

/// One of the above by its name ("illumina", "bad-synthesis", "nanopore", "perfect"), or else a file of
/// write_error_profile. Throws std::invalid_argument in one line.
error_profile find_error_profile(const std::string& name_or_file);

/// From counts; rates and shares as they are, smoothed by nothing.
error_profile to_profile(const calibration& counted, std::string name);

/// TOML. Reading checks every number: rates 0 to 0.5, shares that sum to 1, at most 1,000 parts. Throws
/// std::invalid_argument with file and key.
void write_error_profile(const error_profile& profile, const std::filesystem::path& file);
error_profile read_error_profile(const std::filesystem::path& file);

}  // namespace chromatin::dna::wetlab

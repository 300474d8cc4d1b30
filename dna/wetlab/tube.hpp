#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace chromatin::dna::wetlab {

/// One kind of double-stranded molecule and how many of it there are. The number is an expectation: it may be a
/// fraction.
struct species {
  std::string bases;         ///< the top strand, 5' to 3', primers included
  std::uint32_t origin = 0;  ///< the ordered strand it was copied from; a misprimed copy keeps its template's
  double copies = 0;
};

/// What is in a test tube: distinct molecules with copy numbers. A value.
struct tube {
  std::vector<species> molecules;
  std::vector<std::string> origins;  ///< names of the strands ordered
  std::string history;               ///< the steps so far, for people: "synthesised, 12 cycles of PCR"

  double copies() const;
};

/// FASTA whose names are ORIGIN|copies=1.2e+06|simulated: other tools can read the sequences, and nobody takes the
/// file for a real pool. Throws std::runtime_error where the file cannot be written.
void write_tube(const tube& content, const std::filesystem::path& file);

/// A file of write_tube, or any file of strands (read_source): these have one copy each and are called by their names,
/// or "strand N". Throws reads_error, also for a copy number that is none.
tube read_tube(const std::filesystem::path& file);

/// Takes `share` (0 to 1) of the volume: each copy goes along with that chance. What is lost altogether is gone.
tube dilute(const tube& from, double share, std::uint64_t seed);

}  // namespace chromatin::dna::wetlab

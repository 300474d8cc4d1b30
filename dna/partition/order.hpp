#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace chromatin::dna {

/// One line of an order, to a synthesis house or for a PCR.
struct ordered_oligo {
  std::string name;
  std::string bases;
};

/// FASTA: ">name", then the bases on one line.
std::string fasta_of(std::span<const ordered_oligo> oligos);

/// CSV with the header "name,sequence".
std::string csv_of(std::span<const ordered_oligo> oligos);

/// Writes one or the other by the file's name: .csv, or .fa, .fasta, .fna. Throws std::runtime_error for other names,
/// and where it cannot be written.
void write_order(const std::filesystem::path& file, std::span<const ordered_oligo> oligos);

}  // namespace chromatin::dna

#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
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

/// A plate sheet, wells row by row, in the columns of a primer house: "idt" ("Plate,Well Position,Name,Sequence") or
/// "sigma" ("Plate,Row,Column,Oligo Name,Sequence"). `wells`: 96 or 384; what does not fit goes on the next plate.
/// Throws std::runtime_error for other houses.
std::string plate_sheet(std::span<const ordered_oligo> oligos, std::uint32_t wells, std::string_view house);

/// A list of a pool in the columns of a house: "idt" ("Pool name,Sequence") or "twist" ("Name,Sequence"). Throws
/// std::runtime_error for others.
std::string pool_list(std::span<const ordered_oligo> oligos, std::string_view pool, std::string_view house);

/// Writes one or the other by the file's name: .csv, or .fa, .fasta, .fna. Throws std::runtime_error for other names,
/// and where it cannot be written.
void write_order(const std::filesystem::path& file, std::span<const ordered_oligo> oligos);

}  // namespace chromatin::dna

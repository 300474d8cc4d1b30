#include "dna/partition/order.hpp"

#include <stdexcept>

#include <fmt/format.h>

#include "dna/partition/files.hpp"

namespace chromatin::dna {

std::string fasta_of(std::span<const ordered_oligo> oligos) {
  std::string text;
  for (const auto& one : oligos) text.append(">").append(one.name).append("\n").append(one.bases).append("\n");
  return text;
}

std::string csv_of(std::span<const ordered_oligo> oligos) {
  std::string text{"name,sequence\n"};
  for (const auto& one : oligos) text.append(one.name).append(",").append(one.bases).append("\n");
  return text;
}

void write_order(const std::filesystem::path& file, std::span<const ordered_oligo> oligos) {
  const auto kind = file.extension();
  if (kind == ".csv")
    replace_file(file, csv_of(oligos));
  else if (kind == ".fa" || kind == ".fasta" || kind == ".fna")
    replace_file(file, fasta_of(oligos));
  else
    throw std::runtime_error{
        fmt::format("{}: name it .fa or .csv, so that it is clear what is to be written", file.string())};
}

}  // namespace chromatin::dna

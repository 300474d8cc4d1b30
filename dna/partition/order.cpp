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

std::string plate_sheet(std::span<const ordered_oligo> oligos, std::uint32_t wells, std::string_view house) {
  if (house != "idt" && house != "sigma")
    throw std::runtime_error{fmt::format("no columns of plates are known for \"{}\": idt or sigma", house)};
  const bool apart = house == "sigma";
  const std::uint32_t columns = wells == 384 ? 24 : 12;
  std::string text = apart ? "Plate,Row,Column,Oligo Name,Sequence\n" : "Plate,Well Position,Name,Sequence\n";
  for (std::uint32_t i = 0; i < oligos.size(); ++i) {
    const auto well = i % wells;
    text += fmt::format("{},{}{}{},{},{}\n", i / wells + 1, static_cast<char>('A' + well / columns), apart ? "," : "",
                        well % columns + 1, oligos[i].name, oligos[i].bases);
  }
  return text;
}

std::string pool_list(std::span<const ordered_oligo> oligos, std::string_view pool, std::string_view house) {
  if (house != "idt" && house != "twist")
    throw std::runtime_error{fmt::format("no columns are known for \"{}\": idt or twist", house)};
  std::string text = house == "idt" ? "Pool name,Sequence\n" : "Name,Sequence\n";
  for (const auto& one : oligos) text += fmt::format("{},{}\n", house == "idt" ? pool : one.name, one.bases);
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

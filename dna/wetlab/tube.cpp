#include "dna/wetlab/tube.hpp"

#include <charconv>
#include <fstream>
#include <stdexcept>
#include <unordered_map>

#include <fmt/format.h>

#include "dna/reads/reads.hpp"
#include "dna/wetlab/draw.hpp"

namespace chromatin::dna::wetlab {

namespace {

constexpr std::string_view copies_tag = "|copies=";

/// The number after copies_tag, 1 where there is none.
double copies_of(std::string_view name, std::size_t tag, const std::filesystem::path& file) {
  if (tag == name.npos) return 1;
  const auto text = name.substr(tag + copies_tag.size());
  double copies = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), copies);
  if (error != std::errc{} || !(copies >= 0) || copies > 1e18)
    throw reads_error{fmt::format("{}: {}: the number of copies cannot be read", file.string(), name)};
  return copies;
}

}  // namespace

double tube::copies() const {
  double sum = 0;
  for (const auto& one : molecules) sum += one.copies;
  return sum;
}

void write_tube(const tube& content, const std::filesystem::path& file) {
  std::ofstream out{file};
  for (const auto& one : content.molecules)
    out << fmt::format(">{}{}{:.6g}|simulated\n{}\n", content.origins.at(one.origin), copies_tag, one.copies,
                       one.bases);
  if (!out.flush()) throw std::runtime_error{file.string() + ": cannot be written"};
}

tube read_tube(const std::filesystem::path& file) {
  tube made{.history = "from " + file.filename().string()};
  std::unordered_map<std::string, std::uint32_t> known;
  read_source source{file};
  for (read one; source.next(one);) {
    const auto tag = one.name.find(copies_tag);
    const double copies = copies_of(one.name, tag, file);
    auto name = one.name.substr(0, tag);
    if (name.empty()) name = fmt::format("strand {}", made.molecules.size() + 1);
    const auto [place, fresh] = known.emplace(name, static_cast<std::uint32_t>(made.origins.size()));
    if (fresh) made.origins.push_back(name);
    made.molecules.push_back({one.bases, place->second, copies});
  }
  return made;
}

tube dilute(const tube& from, double share, std::uint64_t seed) {
  if (!(share >= 0 && share <= 1)) throw std::invalid_argument{"dilute: a share is between 0 and 1"};
  generator random{seed};
  tube made{.origins = from.origins, .history = from.history + fmt::format(", diluted to {:.3g}", share)};
  for (const auto& one : from.molecules)
    if (const double taken = draw_of(one.copies, share, random); taken > 0)
      made.molecules.push_back({one.bases, one.origin, taken});
  return made;
}

}  // namespace chromatin::dna::wetlab

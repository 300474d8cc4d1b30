#include "dna/wetlab/error_profile.hpp"

#include <algorithm>
#include <stdexcept>

#include "dna/wetlab/calibrate.hpp"

namespace chromatin::dna::wetlab {

namespace {

constexpr std::size_t parts_along = 20;

/// Each value's share of the sum; even where there is nothing to share.
template <std::size_t N>
std::array<double, N> shares(const std::array<std::uint64_t, N>& counts) {
  std::array<double, N> made{};
  double sum = 0;
  for (const auto count : counts) sum += static_cast<double>(count);
  for (std::size_t i = 0; i < N; ++i) made[i] = sum > 0 ? static_cast<double>(counts[i]) / sum : 1.0 / N;
  return made;
}

/// Illumina and synthesis measured on one pool: copy numbers that leave 5.9 % of strands unseen at 4 reads a strand.
constexpr double measured_copy_number_variation = 0.48;

}  // namespace

error_profile even_profile(std::string name, double substitution, double deletion, double insertion) {
  error_profile made{
      .name = std::move(name), .substitution = substitution, .deletion = deletion, .insertion = insertion};
  made.deleted.fill(0.25);
  made.inserted.fill(0.25);
  for (std::size_t from = 0; from < 4; ++from)
    for (std::size_t to = 0; to < 4; ++to) made.becomes[from][to] = from == to ? 0 : 1.0 / 3;
  return made;
}

error_profile illumina_profile() {
  auto made = even_profile("illumina", 0.0013, 0.0014, 0.0001);
  made.reversed = 0.49;
  made.copy_number_variation = measured_copy_number_variation;
  return made;
}

error_profile bad_synthesis_profile() {
  auto made = even_profile("bad-synthesis", 0.0104, 0.0050, 0.0010);
  made.copy_number_variation = 0.78;
  made.dropout = 0.029;
  return made;
}

error_profile nanopore_profile() {
  auto made = even_profile("nanopore", 0.024, 0.024, 0.012);
  made.copy_number_variation = measured_copy_number_variation;
  made.quality = 14;
  made.error_quality = 7;
  return made;
}

error_profile find_error_profile(const std::string& name_or_file) {
  for (auto known : {even_profile("perfect", 0, 0, 0), illumina_profile(), bad_synthesis_profile(), nanopore_profile()})
    if (known.name == name_or_file) return known;
  if (!std::filesystem::exists(name_or_file))
    throw std::invalid_argument{name_or_file +
                                ": no such error profile; perfect, illumina, bad-synthesis, nanopore, or a file that "
                                "`chromatin dna calibrate` wrote"};
  return read_error_profile(name_or_file);
}

error_profile to_profile(const calibration& counted, std::string name) {
  auto made =
      even_profile(std::move(name), counted.substitution_rate(), counted.deletion_rate(), counted.insertion_rate());
  for (std::size_t base = 0; base < 4; ++base) {
    auto others = counted.confusion[base];
    others[base] = 0;
    if (others != std::array<std::uint64_t, 4>{}) made.becomes[base] = shares(others);
  }
  made.deleted = shares(counted.deleted);
  made.inserted = shares(counted.inserted);
  const auto& at = counted.errors_at;
  if (at.size() >= parts_along) {
    std::array<std::uint64_t, parts_along> parts{};
    for (std::size_t i = 0; i < at.size(); ++i) parts[i * parts_along / at.size()] += at[i];
    const auto along = shares(parts);
    made.along.assign(along.begin(), along.end());
  }
  made.reversed = counted.reversed_share();
  made.copy_number_variation = counted.copy_number_variation();
  made.dropout = counted.dropout();
  return made;
}

}  // namespace chromatin::dna::wetlab

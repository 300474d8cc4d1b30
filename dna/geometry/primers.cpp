#include "dna/geometry/primers.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <stdexcept>
#include <unordered_set>

#include <edlib.h>
#include <fmt/format.h>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {
namespace {

constexpr std::size_t shared_max = 7, pairing_end = 5, stem_min = 4, loop_min = 3;

bool has_repeat(std::string_view primer) {
  // Four times the same two bases.
  for (std::size_t i = 0; i + 8 <= primer.size(); ++i)
    if (primer.substr(i, 6) == primer.substr(i + 2, 6)) return true;
  return false;
}

bool has_stem(std::string_view primer) {
  const auto other = reverse_complement(primer);
  for (std::size_t i = 0; i + stem_min <= primer.size(); ++i) {
    const auto found = other.find(primer.substr(i, stem_min));
    if (found == std::string::npos) continue;
    const auto partner = primer.size() - found - stem_min;
    if (partner >= i + stem_min + loop_min) return true;
  }
  return false;
}

bool shares(std::string_view a, std::string_view b) {
  for (std::size_t i = 0; i + shared_max < a.size(); ++i)
    if (b.find(a.substr(i, shared_max + 1)) != std::string_view::npos) return true;
  return false;
}

}  // namespace

std::string primer_fault(std::string_view primer) {
  if (primer.size() < 15) return "is shorter than 15 bases";
  for (const char base : primer)
    if (base_index(base) < 0) return "has other letters than A, C, G, T";
  if (const auto gc = gc_share(primer); gc < 0.45 - 1e-9 || gc > 0.55 + 1e-9)
    return fmt::format("has {:.0f} % G and C, not 45 to 55", 100 * gc);
  if (longest_run(primer) > 3) return "repeats a base more than 3 times";
  if (has_repeat(primer)) return "repeats two bases four times";
  if (base_index(primer.back()) != 1 && base_index(primer.back()) != 2) return "does not end in G or C";
  if (gc_share(primer.substr(primer.size() - 5)) > 0.61) return "has more than three G and C among its last five bases";
  if (has_stem(primer)) return "can pair with itself";
  return {};
}

bool primers_clash(std::string_view a, std::string_view b) {
  const auto turned = reverse_complement(b);
  if (shares(a, b) || shares(a, turned)) return true;
  const auto end_of_a = a.substr(a.size() - std::min(a.size(), pairing_end));
  const auto end_of_b = std::string_view{turned}.substr(0, pairing_end);
  return turned.ends_with(end_of_a) || turned.starts_with(end_of_a) || a.starts_with(end_of_b);
}

std::vector<primer_pair> design_primers(std::size_t count, std::uint32_t primer_nt, std::uint64_t seed,
                                        std::span<const primer_pair> taken,
                                        const std::function<bool(std::string_view primer)>& accept) {
  std::mt19937_64 random{seed};
  std::vector<std::string> others, chosen;
  for (const auto& pair : taken) others.push_back(pair.forward), others.push_back(pair.reverse);
  constexpr std::uint32_t tries_max = 2'000'000;
  std::uint32_t tries = 0;
  while (chosen.size() < 2 * count) {
    if (++tries > tries_max)
      throw std::runtime_error{fmt::format("only {} pairs of primers of {} bases were found that go with each other",
                                           chosen.size() / 2, primer_nt)};
    std::string primer(primer_nt, 'A');
    for (auto& base : primer) base = "ACGT"[random() & 3];
    const auto clashes = [&](const std::string& other) { return primers_clash(primer, other); };
    if (!primer_fault(primer).empty()) continue;
    if (std::any_of(others.begin(), others.end(), clashes)) continue;
    if (accept && !accept(primer)) continue;
    others.push_back(primer);
    chosen.push_back(primer);
    tries = 0;
  }
  std::vector<primer_pair> pairs;
  for (std::size_t i = 0; i < chosen.size(); i += 2) pairs.push_back({chosen[i], chosen[i + 1]});
  return pairs;
}

std::vector<primer_site> primer_sites(std::string_view primer, std::span<const std::string_view> inner_strands,
                                      std::uint32_t edits_max) {
  std::vector<primer_site> sites;
  const std::array<std::string, 2> ways{std::string{primer}, reverse_complement(primer)};
  const auto config = edlibNewAlignConfig(static_cast<int>(edits_max), EDLIB_MODE_HW, EDLIB_TASK_DISTANCE, nullptr, 0);
  for (std::size_t i = 0; i < inner_strands.size(); ++i)
    for (const bool reversed : {false, true}) {
      const auto& query = ways[reversed];
      const auto found = edlibAlign(query.data(), static_cast<int>(query.size()), inner_strands[i].data(),
                                    static_cast<int>(inner_strands[i].size()), config);
      if (found.editDistance >= 0) sites.push_back({i, static_cast<std::uint32_t>(found.editDistance), reversed});
      edlibFreeAlignResult(found);
    }
  return sites;
}

}  // namespace chromatin::dna

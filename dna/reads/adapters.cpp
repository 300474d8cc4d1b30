#include "dna/reads/adapters.hpp"

#include <array>
#include <string>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {

std::string_view known_adapter(std::string_view read) {
  struct adapter {
    std::string_view name;
    std::string bases, turned;
  };
  const auto both = [](std::string_view name, std::string bases) {
    auto turned = reverse_complement(bases);
    return adapter{name, std::move(bases), std::move(turned)};
  };
  static const std::array<adapter, 4> adapters{
      both("TruSeq adapter", "AGATCGGAAGAGC"), both("Nextera adapter", "AGATGTGTATAAGAGACAG"),
      both("nanopore adapter", "AATGTACTTCGTTCAG"), both("nanopore adapter", "GCAATACGTAACTGAAC")};
  for (const auto& one : adapters)
    for (const std::string_view whole : {std::string_view{one.bases}, std::string_view{one.turned}}) {
      // A read may have only its end or its beginning: ten bases in a row are enough at either end of the read.
      constexpr std::size_t part = 10;
      if (read.find(whole) != read.npos || read.starts_with(whole.substr(whole.size() - part)) ||
          read.ends_with(whole.substr(0, part)))
        return one.name;
    }
  if (read.ends_with("GGGGGGGGGG")) return "poly-G tail";
  return {};
}

}  // namespace chromatin::dna

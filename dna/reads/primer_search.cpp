#include "dna/reads/primer_search.hpp"

#include <stdexcept>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {
namespace {

constexpr std::size_t no_base = 4;

std::size_t number_of(char base) {
  const int index = base_index(base);
  return index < 0 ? no_base : static_cast<std::size_t>(index);
}

/// The column of the edit distances between a primer's beginnings and what was read so far, as steps of one up and one
/// down. `edits` is the lowest cell: the whole primer's.
struct column {
  std::uint64_t up = ~std::uint64_t{0}, down = 0;
  std::size_t edits;

  /// One base further.
  void step(std::uint64_t equal, std::size_t nt) {
    const auto vertical = equal | down;
    const auto across = (((equal & up) + up) ^ up) | equal;
    auto rises = down | ~(across | up), falls = up & across;
    edits += rises >> (nt - 1) & 1;
    edits -= falls >> (nt - 1) & 1;
    rises <<= 1;  // the primer may begin anywhere: what stands before it costs nothing
    falls <<= 1;
    up = falls | ~(vertical | rises);
    down = rises & vertical;
  }
};

}  // namespace

primer_search::primer_search(std::string_view primer) : nt_{primer.size()} {
  if (primer.empty() || primer.size() > nt_max) throw std::invalid_argument{"a primer has 1 to 64 bases"};
  for (std::size_t i = 0; i < nt_; ++i) {
    const auto base = number_of(primer[i]);
    if (base == no_base) continue;
    forward_[base] |= std::uint64_t{1} << i;
    backward_[base] |= std::uint64_t{1} << (nt_ - 1 - i);
  }
}

std::optional<primer_search::hit> primer_search::find(std::string_view window, std::size_t edits_max) const {
  auto best = edits_max + 1;
  std::size_t end = 0;
  column at{.edits = nt_};
  for (std::size_t i = 0; i < window.size() && best > 0; ++i) {
    at.step(forward_[number_of(window[i])], nt_);
    if (at.edits < best) best = at.edits, end = i + 1;
  }
  if (best > edits_max) return {};
  // Back from there, for where it begins: no place as good ends earlier, so this one ends here.
  auto begin = end;
  column back{.edits = nt_};
  for (auto i = end; i > 0 && end - i < nt_ + best; --i) {
    back.step(backward_[number_of(window[i - 1])], nt_);
    if (back.edits == best) begin = i - 1;
  }
  return hit{begin, end, static_cast<int>(best)};
}

}  // namespace chromatin::dna

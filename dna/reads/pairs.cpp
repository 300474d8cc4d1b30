#include "dna/reads/pairs.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {
namespace {

constexpr std::size_t overlap_min = 12;

/// Where the other mate, turned, begins, counted from the beginning of the first: the place at which they agree best.
std::optional<std::ptrdiff_t> place_of(std::string_view first, std::string_view turned) {
  std::optional<std::ptrdiff_t> best;
  double least = 0.2;
  const auto size = static_cast<std::ptrdiff_t>(first.size()), other = static_cast<std::ptrdiff_t>(turned.size());
  const auto shortest = static_cast<std::ptrdiff_t>(overlap_min);
  for (auto at = shortest - other; at <= size - shortest; ++at) {
    const auto begin = std::max<std::ptrdiff_t>(at, 0), end = std::min(size, at + other);
    const auto length = end - begin;
    if (length < shortest) continue;
    const auto most = static_cast<std::ptrdiff_t>(least * static_cast<double>(length));
    std::ptrdiff_t wrong = 0;
    for (auto i = begin; i < end && wrong <= most; ++i)
      wrong += first[static_cast<std::size_t>(i)] != turned[static_cast<std::size_t>(i - at)];
    // A short overlap agrees by chance: it has to be better.
    const double share = (static_cast<double>(wrong) + 1) / static_cast<double>(length);
    if (wrong > most || share >= least) continue;
    least = share;
    best = at;
  }
  return best;
}

/// Names are the same up to "/1" and "/2".
std::string_view stem(std::string_view name) {
  return name.ends_with("/1") || name.ends_with("/2") ? name.substr(0, name.size() - 2) : name;
}

}  // namespace

read join_mates(const read& first, const read& second, std::uint32_t strand_nt) {
  const auto turned = reverse_complement(second.bases);
  auto quality = second.quality;
  std::reverse(quality.begin(), quality.end());
  read made{std::string{stem(first.name)}, "", ""};
  const bool qualities = first.quality.size() == first.bases.size() && quality.size() == turned.size();
  const auto put = [&](char base, char sure) {
    made.bases += base;
    if (qualities) made.quality += sure;
  };
  auto at = place_of(first.bases, turned);
  // An overlap too short to be seen is told by the strand's length.
  if (!at && first.bases.size() + turned.size() > strand_nt && strand_nt >= turned.size() &&
      strand_nt >= first.bases.size())
    at = static_cast<std::ptrdiff_t>(strand_nt - turned.size());
  if (!at) {
    const auto both = first.bases.size() + turned.size();
    const auto gap = strand_nt > both ? strand_nt - both : 0;
    for (std::size_t i = 0; i < first.bases.size(); ++i) put(first.bases[i], qualities ? first.quality[i] : 0);
    for (std::size_t i = 0; i < gap; ++i) put('N', '!');
    for (std::size_t i = 0; i < turned.size(); ++i) put(turned[i], qualities ? quality[i] : 0);
    return made;
  }
  // From the first mate's beginning to the second's: what either has beyond the other's is adapter.
  const auto end = static_cast<std::size_t>(*at + static_cast<std::ptrdiff_t>(turned.size()));
  for (std::size_t i = 0; i < end; ++i) {
    const auto j = static_cast<std::ptrdiff_t>(i) - *at;
    const bool in_first = i < first.bases.size(), in_second = j >= 0;
    const auto k = static_cast<std::size_t>(std::max<std::ptrdiff_t>(j, 0));
    const bool second_surer =
        in_second && (!in_first || first.bases[i] == 'N' || (qualities && quality[k] > first.quality[i]));
    if (second_surer)
      put(turned[k], qualities ? quality[k] : 0);
    else if (in_first)
      put(first.bases[i], qualities ? first.quality[i] : 0);
  }
  return made;
}

pair_source::pair_source(const std::filesystem::path& first, const std::filesystem::path& second,
                         std::uint32_t strand_nt)
    : names_{fmt::format("{} and {}", first.string(), second.string())},
      first_{first},
      second_{second},
      strand_nt_{strand_nt} {}

bool pair_source::next(read& into) {
  const bool one = first_.next(one_), other = second_.next(other_);
  if (one != other)
    throw reads_error{fmt::format("{}: one has more reads than the other, so they are no pairs", names_)};
  if (!one) return false;
  if (stem(one_.name) != stem(other_.name))
    throw reads_error{fmt::format("{}: \"{:.80}\" stands beside \"{:.80}\": mates must come in the same order", names_,
                                  one_.name, other_.name)};
  into = join_mates(one_, other_, strand_nt_);
  return true;
}

}  // namespace chromatin::dna

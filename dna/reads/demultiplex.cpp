#include "dna/reads/demultiplex.hpp"

#include <stdexcept>
#include <utility>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {

demultiplexer::demultiplexer(const std::vector<primer_pair>& pairs) {
  if (pairs.empty()) throw std::invalid_argument{"demultiplexer: no primer pair"};
  for (const auto& pair : pairs) locators_.emplace_back(pair.forward, reverse_complement(pair.reverse));
}

std::optional<demultiplexer::hit> demultiplexer::locate(std::string_view read) const {
  for (std::size_t i = 0; i < locators_.size(); ++i)
    if (auto exact = locators_[i].locate_exact(read)) return hit{i, std::move(*exact)};
  std::optional<hit> best;
  bool tie = false;
  const auto better = [](const trimmed_read& a, const trimmed_read& b) {
    return a.whole != b.whole ? a.whole : a.primer_edits < b.primer_edits;
  };
  for (std::size_t i = 0; i < locators_.size(); ++i) {
    auto found = locators_[i].locate(read);
    if (!found) continue;
    if (!best || better(*found, best->read)) {
      best = hit{i, std::move(*found)};
      tie = false;
    } else {
      tie = tie || !better(best->read, *found);
    }
  }
  if (tie) return {};
  return best;
}

}  // namespace chromatin::dna

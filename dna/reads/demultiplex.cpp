#include "dna/reads/demultiplex.hpp"

#include <stdexcept>
#include <utility>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {

demultiplexer::demultiplexer(const std::vector<primer_pair>& pairs, const std::vector<std::uint32_t>& inner_nt) {
  if (pairs.empty()) throw std::invalid_argument{"demultiplexer: no primer pair"};
  for (std::size_t i = 0; i < pairs.size(); ++i)
    locators_.emplace_back(pairs[i].forward, reverse_complement(pairs[i].reverse),
                           inner_nt.empty() ? 0 : inner_nt.at(i));
}

std::optional<demultiplexer::hit> demultiplexer::locate(std::string_view read) const {
  for (std::size_t i = 0; i < locators_.size(); ++i)
    if (auto exact = locators_[i].locate_exact(read)) return hit{i, std::move(*exact), 0, read.size()};
  std::optional<hit> best;
  bool tie = false;
  const auto better = [](const trimmed_read& a, const trimmed_read& b) {
    return a.whole != b.whole ? a.whole : a.primer_edits < b.primer_edits;
  };
  for (std::size_t i = 0; i < locators_.size(); ++i) {
    auto found = locators_[i].locate(read);
    if (!found) continue;
    if (!best || better(*found, best->read)) {
      best = hit{i, std::move(*found), 0, read.size()};
      tie = false;
    } else {
      tie = tie || !better(best->read, *found);
    }
  }
  if (tie) return {};
  return best;
}

std::vector<demultiplexer::hit> demultiplexer::locate_all(std::string_view read) const {
  std::vector<hit> found;
  std::vector<std::string_view> rests{read};
  while (!rests.empty()) {
    const auto here = rests.back();
    rests.pop_back();
    auto one = locate(here);
    // In what is left over a primer alone is no strand.
    if (!one || (!found.empty() && !one->read.whole)) continue;
    rests_of(here, one->read, locators_[one->partition].strand_nt(),
             [&](std::string_view rest) { rests.push_back(rest); });
    one->at = static_cast<std::size_t>(here.data() - read.data());
    found.push_back(std::move(*one));
  }
  return found;
}

}  // namespace chromatin::dna

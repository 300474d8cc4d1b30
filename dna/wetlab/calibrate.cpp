#include "dna/wetlab/calibrate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>

#include <edlib.h>

#include "dna/geometry/sequence.hpp"
#include "dna/reads/adapters.hpp"

namespace chromatin::dna {

namespace {

constexpr std::size_t seed_nt = 12;
/// A seed of more references than this is a primer or a repeat, and says nothing.
constexpr std::size_t seed_references_max = 16;
constexpr std::size_t candidates_max = 4;
constexpr int far = std::numeric_limits<int>::max();

/// Calls `use(seed)` for every run of seed_nt bases, every `step` positions.
template <class F>
void for_each_seed(std::string_view bases, std::size_t step, F use) {
  for (std::size_t at = 0; at + seed_nt <= bases.size(); at += step) {
    std::uint64_t seed = 0;
    bool known = true;
    for (const char base : bases.substr(at, seed_nt)) {
      known = known && base_index(base) >= 0;
      seed = seed << 2 | static_cast<std::uint64_t>(base_index(base) & 3);
    }
    if (known) use(seed);
  }
}

/// Edits between a read and a whole reference, `far` beyond the share that is still called one.
EdlibAlignResult align(std::string_view read, std::string_view reference, EdlibAlignTask task) {
  const auto config = edlibNewAlignConfig(static_cast<int>(reference.size() * 3 / 10), EDLIB_MODE_NW, task, nullptr, 0);
  return edlibAlign(read.data(), static_cast<int>(read.size()), reference.data(), static_cast<int>(reference.size()),
                    config);
}

int edits(std::string_view read, std::string_view reference) {
  auto result = align(read, reference, EDLIB_TASK_DISTANCE);
  const int distance = result.status == EDLIB_STATUS_OK && result.editDistance >= 0 ? result.editDistance : far;
  edlibFreeAlignResult(result);
  return distance;
}

/// The same where the read may have more than the reference outside it, which does not count.
int edits_within(std::string_view read, std::string_view reference) {
  const int whole = edits(read, reference);
  if (whole != far || read.size() <= reference.size()) return whole;
  auto result = edlibAlign(
      reference.data(), static_cast<int>(reference.size()), read.data(), static_cast<int>(read.size()),
      edlibNewAlignConfig(static_cast<int>(reference.size() * 3 / 10), EDLIB_MODE_HW, EDLIB_TASK_DISTANCE, nullptr, 0));
  const int distance = result.status == EDLIB_STATUS_OK && result.editDistance >= 0 ? result.editDistance : far;
  edlibFreeAlignResult(result);
  return distance;
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

struct calibrator::match {
  std::uint32_t reference = 0;
  bool reversed = false;
  int weight = far;  // seeds in common, then edits
};

calibrator::calibrator(std::vector<std::string> references) : references_{std::move(references)} {
  if (references_.empty()) throw std::invalid_argument{"calibrate: no reference sequences"};
  std::size_t longest = 0;
  for (std::uint32_t i = 0; i < references_.size(); ++i) {
    if (references_[i].empty()) throw std::invalid_argument{"calibrate: an empty reference sequence"};
    longest = std::max(longest, references_[i].size());
    whole_.emplace(references_[i], i);
    for_each_seed(references_[i], seed_nt / 2, [&](std::uint64_t seed) {
      auto& holders = seeds_[seed];
      if (holders.size() <= seed_references_max && (holders.empty() || holders.back() != i)) holders.push_back(i);
    });
  }
  result_.errors_at.resize(longest);
  result_.coverage.resize(references_.size());
}

void calibrator::vote(std::string_view read, bool reversed, std::vector<match>& candidates) const {
  std::map<std::uint32_t, int> votes;
  for_each_seed(read, 1, [&](std::uint64_t seed) {
    const auto found = seeds_.find(seed);
    if (found == seeds_.end() || found->second.size() > seed_references_max) return;
    for (const auto reference : found->second) ++votes[reference];
  });
  for (const auto& [reference, count] : votes) candidates.push_back({reference, reversed, count});
}

calibrator::match calibrator::nearest(std::string_view read, std::string_view turned) const {
  std::vector<match> candidates;
  vote(read, false, candidates);
  vote(turned, true, candidates);
  const auto kept = std::min(candidates.size(), candidates_max);
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(kept), candidates.end(),
                    [](const match& a, const match& b) { return a.weight > b.weight; });
  match best;
  bool tie = false;
  for (std::size_t i = 0; i < kept; ++i) {
    auto candidate = candidates[i];
    candidate.weight = edits_within(candidate.reversed ? turned : read, references_[candidate.reference]);
    if (candidate.weight < best.weight) {
      best = candidate;
      tie = false;
    } else {
      tie = tie || candidate.weight == best.weight;
    }
  }
  return tie ? match{} : best;
}

void calibrator::count(std::string_view read, std::size_t index) {
  const auto& reference = references_[index];
  auto result = align(read, reference, EDLIB_TASK_PATH);
  if (result.editDistance < 0) {
    edlibFreeAlignResult(result);
    ++result_.unassigned;
    return;
  }
  std::size_t from = 0, to = 0;
  for (int i = 0; i < result.alignmentLength; ++i) {
    const auto step = result.alignment[i];
    const int read_base = step == EDLIB_EDOP_DELETE ? -1 : base_index(read[from]);
    const int base = step == EDLIB_EDOP_INSERT ? -1 : base_index(reference[to]);
    if (step != EDLIB_EDOP_MATCH) ++result_.errors_at[std::min(to, reference.size() - 1)];
    if (step == EDLIB_EDOP_MISMATCH) ++result_.substitutions;
    if (step == EDLIB_EDOP_DELETE) ++result_.deletions;
    if (step == EDLIB_EDOP_INSERT) ++result_.insertions;
    if (read_base >= 0 && base >= 0)
      ++result_.confusion[static_cast<std::size_t>(base)][static_cast<std::size_t>(read_base)];
    if (step == EDLIB_EDOP_DELETE && base >= 0) ++result_.deleted[static_cast<std::size_t>(base)];
    if (step == EDLIB_EDOP_INSERT && read_base >= 0) ++result_.inserted[static_cast<std::size_t>(read_base)];
    from += step != EDLIB_EDOP_DELETE;
    to += step != EDLIB_EDOP_INSERT;
  }
  if (result.editDistance == 0) ++result_.perfect;
  edlibFreeAlignResult(result);
  result_.bases += reference.size();
  ++result_.coverage[index];
}

/// The part of a read that is the strand, where the read is longer: between the places of the strand's first and last
/// bases, each looked for by itself.
std::string_view calibrator::within(std::string_view read, std::string_view reference) {
  constexpr std::size_t end_nt = 20, longer_min = 4;
  if (read.size() < reference.size() + longer_min || reference.size() < 2 * end_nt) return read;
  const auto find = [&](std::string_view end) {
    auto found =
        edlibAlign(end.data(), static_cast<int>(end.size()), read.data(), static_cast<int>(read.size()),
                   edlibNewAlignConfig(static_cast<int>(end_nt / 4), EDLIB_MODE_HW, EDLIB_TASK_LOC, nullptr, 0));
    std::optional<std::pair<std::size_t, std::size_t>> place;
    if (found.status == EDLIB_STATUS_OK && found.editDistance >= 0)
      place = {static_cast<std::size_t>(found.startLocations[0]), static_cast<std::size_t>(found.endLocations[0]) + 1};
    edlibFreeAlignResult(found);
    return place;
  };
  const auto first = find(reference.substr(0, end_nt)), last = find(reference.substr(reference.size() - end_nt));
  // Where one end is damaged beyond recognition the strand's length tells it.
  const auto begin = first                                     ? first->first
                     : last && last->second > reference.size() ? last->second - reference.size()
                                                               : 0;
  const auto end = last ? last->second : std::min(read.size(), begin + reference.size());
  if (end < begin + reference.size() / 2 || end - begin == read.size()) return read;
  ++result_.trimmed;
  result_.trimmed_nt += read.size() - (end - begin);
  if (result_.adapter.empty()) result_.adapter = known_adapter(read);
  return read.substr(begin, end - begin);
}

std::optional<std::uint32_t> calibrator::add(std::string_view read) {
  ++result_.reads;
  const auto turned = reverse_complement(read);
  match best;
  if (const auto exact = whole_.find(read); exact != whole_.end()) {
    best = {exact->second, false, 0};
  } else if (const auto other = whole_.find(turned); other != whole_.end()) {
    best = {other->second, true, 0};
  } else {
    best = nearest(read, turned);
  }
  if (best.weight == far) {
    ++result_.unassigned;
    return {};
  }
  result_.reversed += best.reversed;
  const auto strand = best.reversed ? std::string_view{turned} : read;
  count(best.weight == 0 ? strand : within(strand, references_[best.reference]), best.reference);
  return best.reference;
}

double calibration::substitution_rate() const { return share(substitutions, bases); }
double calibration::deletion_rate() const { return share(deletions, bases); }
double calibration::insertion_rate() const { return share(insertions, bases); }
double calibration::reversed_share() const { return share(reversed, reads - unassigned); }
double calibration::perfect_share() const { return share(perfect, reads - unassigned); }
double calibration::mean_coverage() const { return share(reads - unassigned, coverage.size()); }

double calibration::unseen_share() const {
  return share(static_cast<std::uint64_t>(std::count(coverage.begin(), coverage.end(), 0U)), coverage.size());
}

double calibration::coverage_variation() const {
  const double mean = mean_coverage();
  if (mean == 0) return 0;
  double squares = 0;
  for (const auto seen : coverage) squares += (seen - mean) * (seen - mean);
  return std::sqrt(squares / static_cast<double>(coverage.size())) / mean;
}

/// Mean, variation of copy numbers and dropout belong together: what dropped out does not count towards the others.
namespace {

struct skew_fit {
  double dropout = 0, squared = 0;  ///< of the variation
};

double unseen_of(double mean, double squared) {
  return squared < 1e-9 ? std::exp(-mean) : std::pow(1 + mean * squared, -1 / squared);
}

skew_fit fit_skew(const std::vector<std::uint32_t>& coverage, double mean, double unseen) {
  skew_fit found;
  if (mean == 0) return found;
  double squares = 0;
  for (const auto seen : coverage) squares += static_cast<double>(seen) * seen;
  squares /= static_cast<double>(coverage.size());
  for (int i = 0; i < 50; ++i) {
    const double kept = 1 - found.dropout, of_kept = mean / kept;
    found.squared = std::max(0.0, (squares / kept - of_kept * of_kept - of_kept) / (of_kept * of_kept));
    const double chance = unseen_of(of_kept, found.squared);
    found.dropout = std::clamp((unseen - chance) / (1 - chance), 0.0, 0.95);
  }
  return found;
}

}  // namespace

double calibration::dropout() const { return fit_skew(coverage, mean_coverage(), unseen_share()).dropout; }

double calibration::copy_number_variation() const {
  return std::sqrt(fit_skew(coverage, mean_coverage(), unseen_share()).squared);
}

double calibration::unseen_share_at(double reads_per_strand) const {
  const auto fit = fit_skew(coverage, mean_coverage(), unseen_share());
  return fit.dropout + (1 - fit.dropout) * unseen_of(reads_per_strand / (1 - fit.dropout), fit.squared);
}

}  // namespace chromatin::dna

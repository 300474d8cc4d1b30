#include "dna/consensus.hpp"

#include <algorithm>
#include <numeric>

#include <edlib.h>

#include "dna/vote.hpp"

namespace chromatin::dna {

namespace {

/// Drafts tried before the largest group found is taken. Each failed one tells of reads that are of something else.
constexpr std::size_t drafts_max = 20;
constexpr int rounds_max = 4;

int edits_allowed(std::size_t length) { return static_cast<int>(length / 4); }

bool alike(std::string_view one, std::string_view other, int edits_max) {
  const auto config = edlibNewAlignConfig(edits_max, EDLIB_MODE_NW, EDLIB_TASK_DISTANCE, nullptr, 0);
  auto result =
      edlibAlign(one.data(), static_cast<int>(one.size()), other.data(), static_cast<int>(other.size()), config);
  const bool near = result.status == EDLIB_STATUS_OK && result.editDistance >= 0;
  edlibFreeAlignResult(result);
  return near;
}

/// Few votes are worth less: a lone read 1/2, two 2/3, …
float worth(float share, std::uint32_t votes) {
  return share * static_cast<float>(votes) / static_cast<float>(votes + 1);
}

}  // namespace

void molecule_reads::add(std::string_view payload) {
  payload = payload.substr(0, 0xffff);
  if (payload.empty()) return;
  ++reads_;
  for (auto& one : kinds_)
    if (bases(one) == payload) {
      ++one.count;
      return;
    }
  if (kinds_.size() == kinds_max) return;
  kinds_.push_back({static_cast<std::uint32_t>(text_.size()), static_cast<std::uint16_t>(payload.size()), 1});
  text_ += payload;
}

consensus molecule_reads::call(std::size_t length) const {
  if (kinds_.empty()) return {};
  // The same order however the reads came: most frequent first, then those of the right length.
  auto order = kinds_;
  const auto off = [length](const kind& one) {
    return one.length > length ? one.length - length : length - one.length;
  };
  std::sort(order.begin(), order.end(), [&](const kind& a, const kind& b) {
    if (a.count != b.count) return a.count > b.count;
    if (off(a) != off(b)) return off(a) < off(b);
    return bases(a) < bases(b);
  });
  const auto all =
      std::accumulate(order.begin(), order.end(), 0U, [](auto sum, const kind& k) { return sum + k.count; });

  // A clear majority of equal reads needs no alignment.
  if (order[0].length == length && 3 * order[0].count >= 2 * all && order[0].count > 2) {
    const float share = worth(static_cast<float>(order[0].count) / static_cast<float>(all), order[0].count);
    return {std::string{bases(order[0])}, std::vector<float>(length, share), all, 0};
  }

  const int near = edits_allowed(length);
  std::vector<kind> group;
  std::uint32_t group_weight = 0;
  std::vector<bool> placed(order.size());
  for (std::size_t draft = 0, tried = 0; draft < order.size() && tried < drafts_max && 2 * group_weight <= all;
       ++draft) {
    if (placed[draft]) continue;
    ++tried;
    std::vector<kind> found;
    std::uint32_t weight = 0;
    for (std::size_t i = 0; i < order.size(); ++i)
      if (i == draft || alike(bases(order[draft]), bases(order[i]), near)) {
        if (i >= draft) placed[i] = true;
        found.push_back(order[i]);
        weight += order[i].count;
      }
    // The draft leads its group.
    std::swap(*std::find_if(found.begin(), found.end(), [&](const kind& k) { return k.begin == order[draft].begin; }),
              found.front());
    if (weight > group_weight) {
      group = std::move(found);
      group_weight = weight;
    }
  }

  std::string draft{bases(group.front())};
  consensus made;
  for (int round = 1;; ++round) {
    ballot votes{draft};
    for (const auto& one : group) votes.add(bases(one), one.count, 2 * near);
    auto better = votes.majority();
    if (better != draft && round < rounds_max) {
      draft = std::move(better);
      continue;
    }
    made.bases = votes.majority(length, made.confidence);
    made.reads = votes.weight();
    break;
  }
  made.foreign_reads = all - group_weight;
  for (auto& share : made.confidence) share = worth(share, made.reads);
  return made;
}

}  // namespace chromatin::dna

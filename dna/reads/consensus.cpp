#include "dna/reads/consensus.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "dna/reads/vote.hpp"

namespace chromatin::dna {

namespace {

/// Drafts tried before the largest group found is taken. Each failed one tells of reads that are of something else.
constexpr std::size_t drafts_max = 20;
constexpr int vote_rounds_max = 4;

int edits_allowed(std::size_t length) { return static_cast<int>(length / 4); }

/// Few votes are worth less: a lone read 1/2, two 2/3, …
float worth(float share, std::uint32_t votes) {
  return share * static_cast<float>(votes) / static_cast<float>(votes + 1);
}

}  // namespace

void molecule_reads::add(std::string_view payload, std::string_view quality) {
  payload = payload.substr(0, 0xffff);
  if (payload.empty()) return;
  ++reads_;
  const auto mark = static_cast<std::uint32_t>(std::hash<std::string_view>{}(payload));
  for (auto& one : kinds_)
    if (one.mark == mark && bases(one) == payload) {
      ++one.count;
      if (!quality.empty()) doubt(one, quality);
      return;
    }
  if (kinds_.size() == kinds_max) return;
  kinds_.push_back({static_cast<std::uint32_t>(text_.size()), static_cast<std::uint16_t>(payload.size()), mark, 1});
  text_ += payload;
  if (!doubts_.empty()) doubts_.resize(text_.size());
  if (!quality.empty()) doubt(kinds_.back(), quality);
}

void molecule_reads::doubt(kind& one, std::string_view quality) {
  one.doubted = true;
  doubts_.resize(text_.size());
  for (std::size_t i = 0; i < one.length; ++i) {
    auto& sum = doubts_[one.begin + i];
    sum = static_cast<std::uint16_t>(
        std::min<std::uint32_t>(0xffff, sum + ballot::full_vote - ballot::vote_of(quality[i])));
  }
}

bool molecule_reads::vote(const kind& one, ballot& on, int edits_max) const {
  const auto doubts =
      one.doubted ? std::span{doubts_}.subspan(one.begin, one.length) : std::span<const std::uint16_t>{};
  return on.add(bases(one), one.count, doubts, edits_max);
}

/// Reads that are alike, by number, the draft they were compared with first; and what they say of that draft.
struct molecule_reads::group {
  std::vector<std::size_t> members;
  ballot votes;
};

/// The first one that holds more than half of all reads, or else the largest found.
molecule_reads::group molecule_reads::largest_group(const std::vector<kind>& order, std::uint32_t all, int near) const {
  std::vector<bool> placed(order.size());
  group best{{0}, ballot{""}};
  for (std::size_t draft = 0, tried = 0; draft < order.size() && tried < drafts_max; ++draft) {
    if (placed[draft]) continue;
    ++tried;
    group found{{draft}, ballot{bases(order[draft])}};
    vote(order[draft], found.votes, near);
    for (std::size_t i = 0; i < order.size(); ++i)
      if (i != draft && vote(order[i], found.votes, near)) {
        placed[i] = true;
        found.members.push_back(i);
      }
    if (found.votes.weight() > best.votes.weight()) best = std::move(found);
    if (2 * best.votes.weight() > all) break;
  }
  return best;
}

consensus molecule_reads::call_against(std::string_view draft) const {
  const int near = 2 * edits_allowed(draft.size());
  ballot votes{draft};
  std::uint32_t all = 0;
  for (const auto& one : kinds_) {
    all += one.count;
    vote(one, votes, near);
  }
  consensus made{.reads = votes.weight(), .foreign_reads = all - votes.weight()};
  if (made.reads == 0) return made;
  made.bases = votes.majority(draft.size(), made.confidence);
  for (auto& share : made.confidence) share = worth(share, made.reads);
  return made;
}

consensus molecule_reads::call(std::size_t length) const {
  if (kinds_.empty()) return {};
  // The same order however the reads came: most frequent first, then those of the right length.
  auto order = kinds_;
  const auto off = [length](const kind& one) {
    return one.length > length ? one.length - length : length - one.length;
  };
  const bool all_readable = text_.find('N') == text_.npos;
  const auto unreadable = [&](const kind& one) { return all_readable ? 0 : std::ranges::count(bases(one), 'N'); };
  std::sort(order.begin(), order.end(), [&](const kind& a, const kind& b) {
    if (const auto n = unreadable(a), m = unreadable(b); n != m) return n < m;
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
  auto best = largest_group(order, all, near);
  consensus made{.foreign_reads = all - best.votes.weight()};
  std::string draft{bases(order[best.members.front()])};
  for (int round = 1; round < vote_rounds_max; ++round) {
    auto better = best.votes.majority();
    if (better == draft) break;
    draft = std::move(better);
    best.votes = ballot{draft};
    for (const auto i : best.members) vote(order[i], best.votes, 2 * near);
  }
  made.bases = best.votes.majority(length, made.confidence);
  made.reads = best.votes.weight();
  for (auto& share : made.confidence) share = worth(share, made.reads);
  return made;
}

}  // namespace chromatin::dna

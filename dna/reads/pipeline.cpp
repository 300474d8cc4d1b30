#include "dna/reads/pipeline.hpp"

#include <algorithm>
#include <future>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <utility>

#include "dna/geometry/sequence.hpp"
#include "dna/reads/adapters.hpp"
#include "dna/reads/pairs.hpp"
#include "dna/reads/vote.hpp"

namespace chromatin::dna {

namespace {

/// Reads worked on at a time, while as many are read in.
constexpr std::size_t round_reads = 1 << 14;

std::vector<primer_pair> pairs_of(const std::vector<const block_codec*>& partitions) {
  std::vector<primer_pair> pairs;
  for (const auto* one : partitions) pairs.push_back(one->layout().partition().primers);
  return pairs;
}

std::vector<std::uint32_t> inner_of(const std::vector<const block_codec*>& partitions) {
  std::vector<std::uint32_t> lengths;
  for (const auto* one : partitions) lengths.push_back(one->geometry().index_nt() + one->geometry().payload_nt);
  return lengths;
}

/// Calls work(0) … work(threads - 1), each on its own thread.
template <class Work>
void on_threads(unsigned threads, Work work) {
  std::vector<std::jthread> others;
  for (unsigned i = 1; i < threads; ++i) others.emplace_back([&work, i] { work(i); });
  work(0U);
}

}  // namespace

std::uint64_t read_counts::sorted() const {
  return std::accumulate(assigned.begin(), assigned.end(), std::uint64_t{0});
}

struct pipeline::sorted_read {
  enum class state : std::uint8_t { without_primers, without_address, sorted } is = state::without_primers;
  std::size_t partition = 0;
  trimmed_read trimmed;
  parsed_strand strand;  // its payload is a view into trimmed, its quality one into doubts
  std::string doubts;
  std::vector<sorted_read> further;  // other strands of the same read
};

pipeline::pipeline(std::vector<const block_codec*> partitions, unsigned threads, read_handling how)
    : partitions_{std::move(partitions)},
      primers_{pairs_of(partitions_), inner_of(partitions_)},
      threads_{threads},
      how_{how} {
  if (threads == 0) throw std::invalid_argument{"pipeline: at least one thread"};
  for (const auto* one : partitions_) molecules_.emplace_back(*one);
  counts_.assigned.resize(partitions_.size());
}

/// Reads the index. What a read does not reach of the payload is unreadable, not deleted.
void pipeline::parse(sorted_read& one) const {
  const auto& layout = partitions_[one.partition]->layout();
  const auto inner = layout.geometry().index_nt() + layout.geometry().payload_nt;
  auto& bases = one.trimmed.bases;
  if (!one.trimmed.whole && bases.size() < inner) bases.resize(inner, 'N');
  one.is = sorted_read::state::without_address;
  const auto parsed = layout.parse(bases);
  if (!parsed) return;
  one.is = sorted_read::state::sorted;
  one.strand = *parsed;
}

namespace {

/// The qualities of a payload's bases, if one of them is less than sure. `at`, `of`: the part of the read, of so many
/// bases, in which the trimmed bases' place is counted. What the read does not reach has none.
void keep_doubts(const read& from, const trimmed_read& trimmed, std::size_t at, std::size_t of, parsed_strand& strand,
                 std::string& doubts) {
  constexpr char sure = 33 + ballot::full_vote, none = '!';
  strand.quality = {};
  if (from.quality.size() != from.bases.size()) return;
  const auto first = trimmed.inner + static_cast<std::size_t>(strand.payload.data() - trimmed.bases.data());
  const auto count = std::min(strand.payload.size(), of - std::min(of, first));
  if (count == 0) return;
  const auto part = std::string_view{from.quality}.substr(at, of);
  const auto here = trimmed.reversed ? part.substr(of - first - count, count) : part.substr(first, count);
  if (*std::min_element(here.begin(), here.end()) >= sure) return;
  doubts.assign(here);
  if (trimmed.reversed) std::reverse(doubts.begin(), doubts.end());
  doubts.resize(strand.payload.size(), none);
  strand.quality = doubts;
}

}  // namespace

void pipeline::sort_one(const read& one, sorted_read& into) const {
  const std::string_view bases{one.bases};
  const auto take = [&](demultiplexer::hit&& located, sorted_read& to) {
    to.partition = located.partition;
    to.trimmed = std::move(located.read);
    parse(to);
    if (to.is == sorted_read::state::sorted) keep_doubts(one, to.trimmed, located.at, located.of, to.strand, to.doubts);
  };
  auto located = primers_.locate(bases);
  if (!located) return;
  const auto& at = located->read;
  bool rest = false;
  rests_of(bases, at, primers_.locator(located->partition).strand_nt(), [&](std::string_view) { rest = true; });
  take(std::move(*located), into);
  if (!rest) return;
  auto all = primers_.locate_all(bases);
  into.further.reserve(all.size());  // views into them stay good
  for (std::size_t i = 1; i < all.size(); ++i) take(std::move(all[i]), into.further.emplace_back());
}

/// A read as if the primers had been cut off, less what may be left of them: with the index read, if it can be.
pipeline::sorted_read pipeline::try_trimmed(std::string_view turned, bool reversed, std::size_t partition,
                                            std::size_t before) const {
  const auto& layout = partitions_[partition]->layout();
  const auto inner = layout.geometry().index_nt() + layout.geometry().payload_nt;
  auto bases = turned.substr(before);
  // Bases that look like a primer's by chance stay where the strand is not too long.
  if (const auto behind = leftover_behind(bases, layout.tail()); bases.size() >= inner + (behind + 1) / 2)
    bases.remove_suffix(behind);
  sorted_read trial;
  trial.partition = partition;
  trial.trimmed = {std::string{bases}, reversed};
  trial.trimmed.inner = static_cast<std::uint32_t>(before);
  trial.trimmed.whole = false;
  parse(trial);
  return trial;
}

/// Without primers only the index tells the direction and the partition: the reading with the fewest edits.
void pipeline::sort_trimmed(const read& one, sorted_read& into) const {
  const std::string_view bases{one.bases};
  auto best = std::numeric_limits<std::uint32_t>::max();
  bool tie = false;
  const auto turned = reverse_complement(bases);
  into.is = sorted_read::state::without_address;
  const auto consider = [&](sorted_read&& trial) {
    if (trial.is != sorted_read::state::sorted) return;
    const auto wanted = partitions_[trial.partition]->geometry().payload_nt;
    const auto size = trial.strand.payload.size();
    const auto off = size > wanted ? size - wanted : wanted - size;
    const auto edits = trial.strand.edits + static_cast<std::uint32_t>(off);
    tie = edits == best || (tie && edits > best);
    if (edits >= best) return;
    best = edits;
    into.partition = trial.partition;
    into.trimmed = trial.trimmed;
  };
  for (std::size_t partition = 0; partition < partitions_.size(); ++partition)
    for (const bool reversed : {false, true}) {
      const auto way = reversed ? std::string_view{turned} : bases;
      const auto before = leftover_before(way, partitions_[partition]->layout().head());
      consider(try_trimmed(way, reversed, partition, 0));
      if (before > 0) consider(try_trimmed(way, reversed, partition, before));
    }
  if (best != std::numeric_limits<std::uint32_t>::max() && !tie) parse(into);
  if (into.is == sorted_read::state::sorted) keep_doubts(one, into.trimmed, 0, bases.size(), into.strand, into.doubts);
}

void pipeline::sort(const std::vector<read>& reads, std::size_t count, std::vector<sorted_read>& into) const {
  on_threads(threads_, [&](unsigned thread) {
    for (std::size_t i = count * thread / threads_; i < count * (thread + 1) / threads_; ++i) {
      auto& one = into[i];
      one.is = sorted_read::state::without_primers;
      one.further.clear();
      if (how_.trimmed)
        sort_trimmed(reads[i], one);
      else
        sort_one(reads[i], one);
    }
  });
}

void pipeline::keep(const std::vector<sorted_read>& sorted, std::size_t count) {
  // Each thread has its own leaves, so that a molecule's reads come in their order whatever the number of threads.
  on_threads(threads_, [&](unsigned thread) {
    const auto add_own = [&](const sorted_read& one) {
      if (one.is == sorted_read::state::sorted && partition_reads::shard_of(one.strand.id.leaf) % threads_ == thread)
        molecules_[one.partition].add(one.strand);
    };
    for (std::size_t i = 0; i < count; ++i) {
      add_own(sorted[i]);
      for (const auto& more : sorted[i].further) add_own(more);
    }
  });
  constexpr std::uint32_t flank_min = 5;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& one = sorted[i];
    ++counts_.reads;
    counts_.without_primers += one.is == sorted_read::state::without_primers;
    counts_.without_address += one.is == sorted_read::state::without_address;
    counts_.reversed += one.is != sorted_read::state::without_primers && one.trimmed.reversed;
    if (one.is == sorted_read::state::sorted) ++counts_.assigned[one.partition];
    for (const auto& more : one.further) {
      ++counts_.further;
      if (more.is == sorted_read::state::sorted) ++counts_.assigned[more.partition];
    }
    if (one.is == sorted_read::state::without_primers) continue;
    counts_.cut_short += !one.trimmed.whole && !how_.trimmed;
    if (one.trimmed.flank_nt < flank_min) continue;
    ++counts_.flanked;
    counts_.flank_nt += one.trimmed.flank_nt;
  }
}

/// Looks closer at some of the reads that are not as they were expected, to be able to say why.
void pipeline::remark(const read& one, const sorted_read& sorted) {
  constexpr std::uint64_t looked_at_max = 200;
  const bool without = sorted.is == sorted_read::state::without_primers;
  if (!without && (!counts_.adapter.empty() || counts_.flanked > looked_at_max || sorted.trimmed.flank_nt == 0)) return;
  if (without && (how_.trimmed || counts_.tried_trimmed >= looked_at_max)) return;
  if (counts_.adapter.empty()) counts_.adapter = known_adapter(one.bases);
  if (!without) return;
  if (counts_.tried_trimmed++ == 0) counts_.first_without = one.name;
  sorted_read trial;
  sort_trimmed(one, trial);
  counts_.fit_trimmed += trial.is == sorted_read::state::sorted;
}

void pipeline::add(const std::function<bool(read&)>& next, const std::function<void(std::uint64_t)>& progress) {
  std::vector<read> coming(round_reads), here(round_reads);
  std::vector<sorted_read> sorted(round_reads);
  std::exception_ptr failed;
  // Fills `coming`; an error ends the reads like their end does, and is thrown after those before it are kept.
  const auto fill = [&] {
    std::size_t count = 0;
    try {
      while (count < coming.size() && next(coming[count])) ++count;
    } catch (...) {
      failed = std::current_exception();
    }
    return count;
  };
  auto count = fill();
  while (count > 0) {
    std::swap(coming, here);
    auto reading = failed || count < round_reads ? std::future<std::size_t>{} : std::async(std::launch::async, fill);
    sort(here, count, sorted);
    keep(sorted, count);
    for (std::size_t i = 0; i < count; ++i) remark(here[i], sorted[i]);
    if (progress) progress(counts_.reads);
    count = reading.valid() ? reading.get() : 0;
  }
  if (failed) std::rethrow_exception(failed);
}

void pipeline::add(const std::filesystem::path& file, const std::function<void(std::uint64_t)>& progress) {
  read_source source{file};
  add([&](read& into) { return source.next(into); }, progress);
}

void pipeline::add_pairs(const std::filesystem::path& first, const std::filesystem::path& second,
                         const std::function<void(std::uint64_t)>& progress) {
  pair_source source{first, second, partitions_.front()->geometry().strand_nt()};
  add([&](read& into) { return source.next(into); }, progress);
}

std::vector<block_outcome> pipeline::decode(std::size_t partition, erasure_use erasures,
                                            const std::function<void(std::size_t, std::size_t)>& progress) const {
  return molecules_.at(partition).decode(threads_, erasures, progress);
}

void pipeline::explain(std::size_t partition, std::vector<block_outcome>& outcomes) const {
  molecules_.at(partition).explain(known_payloads{*partitions_.at(partition), blocks_of(outcomes).whole}, outcomes);
}

}  // namespace chromatin::dna

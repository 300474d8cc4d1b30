#include "dna/reads/pipeline.hpp"

#include <algorithm>
#include <future>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <utility>

namespace chromatin::dna {

namespace {

/// Reads worked on at a time, while as many are read in.
constexpr std::size_t round_reads = 1 << 14;

std::vector<primer_pair> pairs_of(const std::vector<const block_codec*>& partitions) {
  std::vector<primer_pair> pairs;
  for (const auto* one : partitions) pairs.push_back(one->layout().partition().primers);
  return pairs;
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
  parsed_strand strand;  // its payload is a view into trimmed
};

pipeline::pipeline(std::vector<const block_codec*> partitions, unsigned threads)
    : partitions_{std::move(partitions)}, primers_{pairs_of(partitions_)}, threads_{threads} {
  if (threads == 0) throw std::invalid_argument{"pipeline: at least one thread"};
  for (const auto* one : partitions_) molecules_.emplace_back(*one);
  counts_.assigned.resize(partitions_.size());
}

void pipeline::sort(const std::vector<read>& reads, std::size_t count, std::vector<sorted_read>& into) const {
  on_threads(threads_, [&](unsigned thread) {
    for (std::size_t i = count * thread / threads_; i < count * (thread + 1) / threads_; ++i) {
      auto& one = into[i];
      one.is = sorted_read::state::without_primers;
      auto located = primers_.locate(reads[i].bases);
      if (!located) continue;
      one.is = sorted_read::state::without_address;
      one.partition = located->partition;
      one.trimmed = std::move(located->read);
      const auto parsed = partitions_[one.partition]->layout().parse(one.trimmed.bases);
      if (!parsed) continue;
      one.is = sorted_read::state::sorted;
      one.strand = *parsed;
    }
  });
}

void pipeline::keep(const std::vector<sorted_read>& sorted, std::size_t count) {
  // Each thread has its own leaves, so that a molecule's reads come in their order whatever the number of threads.
  on_threads(threads_, [&](unsigned thread) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto& one = sorted[i];
      if (one.is == sorted_read::state::sorted && partition_reads::shard_of(one.strand.id.leaf) % threads_ == thread)
        molecules_[one.partition].add(one.strand);
    }
  });
  for (std::size_t i = 0; i < count; ++i) {
    const auto& one = sorted[i];
    ++counts_.reads;
    counts_.without_primers += one.is == sorted_read::state::without_primers;
    counts_.without_address += one.is == sorted_read::state::without_address;
    counts_.reversed += one.is != sorted_read::state::without_primers && one.trimmed.reversed;
    if (one.is == sorted_read::state::sorted) ++counts_.assigned[one.partition];
  }
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
    if (progress) progress(counts_.reads);
    count = reading.valid() ? reading.get() : 0;
  }
  if (failed) std::rethrow_exception(failed);
}

void pipeline::add(const std::filesystem::path& file, const std::function<void(std::uint64_t)>& progress) {
  read_source source{file};
  add([&](read& into) { return source.next(into); }, progress);
}

std::vector<block_outcome> pipeline::decode(std::size_t partition, erasure_use erasures,
                                            const std::function<void(std::size_t, std::size_t)>& progress) const {
  return molecules_.at(partition).decode(threads_, erasures, progress);
}

}  // namespace chromatin::dna

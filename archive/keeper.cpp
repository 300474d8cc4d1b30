#include "archive/keeper.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "archive/sealed_transcript.hpp"
#include "archive/synthesis_more.hpp"
#include "archive/tube_orders.hpp"
#include "dna/reads/pipeline.hpp"
#include "dna/wetlab/retrieval.hpp"
#include "kv/check.hpp"

namespace chromatin::archive {
namespace {

/// Few, so that whoever serves keeps most of the processor's cache.
constexpr std::size_t reads_at_once = 1 << 10;

std::string path_of(const io::archive_key& key) { return directory_of(key) + "/transcript"; }

sealer sealer_of(const keyed_job& one) { return {one.key, conversation_of(one.job)}; }

/// Of the next order of reads that this job is the first of; no other has it.
std::string reads_name(const archive_job& job) {
  const auto times = syntheses_more(job);
  return fmt::format("{}-reads-{}-{}{}", job.tube, job.number, times == 0 ? std::string{} : fmt::format("{}-", times),
                     job.sequencing.size() + 1);
}

/// Job by job, those of one group after the other; `group` tells which those are.
template <class Work>
void for_each_group(std::span<const keyed_job> all, auto group, Work work) {
  std::map<decltype(group(all.front())), std::vector<keyed_job>> groups;
  for (const auto& one : all) groups[group(one)].push_back(one);
  for (auto& [name, jobs] : groups) {
    std::ranges::sort(jobs, {}, [](const auto& one) { return one.job.number; });
    work(jobs);
  }
}

}  // namespace

keeper::keeper(keeper_options options, std::shared_ptr<laboratory> lab)
    : options_{std::move(options)}, lab_{std::move(lab)}, tubes_{options_.folder, options_.geometry} {}

void keeper::lasting(const auto& what) {
  options_.lasting();
  try {
    what();
  } catch (const dna::partition_error&) {
    throw;  // nothing has changed
  } catch (...) {
    tubes_.close();  // what they have in memory may not be on the disk
    throw;
  }
  options_.lasting();
}

// -- writing --

std::vector<archive_job> keeper::write(std::span<const archive_source> all, lab_time now) {
  std::map<std::string, std::vector<archive_source>> written;
  std::vector<archive_job> next;
  for (const auto& one : all) {
    next.push_back(one.job);
    try {
      next.back().tube = write_file(one);
      written[next.back().tube].push_back(one);
    } catch (const dna::partition_error& e) {
      next.back() = failed(one.job, e.what(), now);
    } catch (const frame_error& e) {
      next.back() = failed(one.job, e.what(), now);
    }
  }
  for (const auto& [tube, sources] : written) mark(tube, sources);
  for (std::size_t i = 0; i < next.size(); ++i) {
    auto& job = next[i];
    if (!job.failure.empty()) continue;
    const auto& store = tubes_.at(job.tube);
    const auto path = path_of(all[i].key);
    const auto commit = store.contents().find(path).value().commit;
    job = ordered(job, all[i].version, commit, order_name(job.tube, order_with(store, path)), now);
  }
  return next;
}

std::string keeper::write_file(const archive_source& one) {
  const auto path = path_of(one.key);
  const auto tube = tubes_.with(one.job.tenant, path);
  if (tube.empty()) {
    sealed_transcript file{sealer_of(one)};
    file.append(one.said);
    return put_new(one.job.tenant, path, file.file());
  }
  auto& store = tubes_.at(tube);
  const auto there = store.contents().get(path);
  if (!there.content) throw dna::partition_error{there.reason};
  sealed_transcript file{sealer_of(one), *there.content};
  if (file.damage()) throw frame_error{to_string(*file.damage())};
  if (!file.append(one.said)) return tube;
  try {
    lasting([&] { store.update(path, file.file()); });
    return tube;
  } catch (const dna::partition_full&) {
    return put_new(one.job.tenant, path, file.file());  // all of it: what is in the full one counts no more
  }
}

/// Into the tenant's last tube, or the next one.
std::string keeper::put_new(const std::string& tenant, const std::string& path, const byte_string& file) {
  const auto put = [&](const std::string& tube) {
    lasting([&] { tubes_.at(tube).put(std::vector<dna::new_file>{{path, file}}); });
    return tube;
  };
  if (const auto names = tubes_.of(tenant); !names.empty()) {
    const auto& contents = tubes_.at(names.back()).contents();
    try {
      if (!contents.find(path)) return put(names.back());
    } catch (const dna::partition_full&) {
      if (contents.last_commit() == 0) throw;  // the next one has no more room than this one
    }
  }
  std::string fresh;
  lasting([&] { fresh = tubes_.add(tenant); });
  return put(fresh);
}

/// Whatever was written to the tube since its last order is one order, unless all of these are in earlier ones.
void keeper::mark(const std::string& tube, std::span<const archive_source> all) {
  auto& store = tubes_.at(tube);
  const auto unordered = [&](const auto& one) { return order_with(store, path_of(one.key)) == 0; };
  if (std::ranges::any_of(all, unordered)) lasting([&] { store.mark_ordered(); });
}

// -- orders --

std::vector<dna::block_id> keeper::wanted(const keyed_job& one) {
  const auto& contents = tubes_.at(one.job.tube).contents();
  const auto directory = directory_of(one.key);
  const auto file = contents.find(path_of(one.key));
  if (!file) throw dna::partition_error{fmt::format("there is no {} in the tube {}", directory, one.job.tube)};
  const auto journal = contents.journal_of(directory).blocks();
  std::vector<dna::block_id> all{journal.begin(), journal.end()};
  for (const auto& part : file->blocks)
    for (auto version = part.base; version <= part.last; ++version) all.push_back({part.leaf, version});
  return all;
}

std::vector<archive_job> keeper::plan_reads(std::span<const keyed_job> all, lab_time now) {
  std::vector<archive_job> next;
  for_each_group(
      all, [](const auto& one) { return one.job.tube; },
      [&](std::span<const keyed_job> jobs) {
        while (!jobs.empty()) {
          const auto those = jobs.first(std::min(jobs.size(), options_.together_max));
          const auto name = reads_name(those.front().job);
          const auto reads = reads_for(those);
          for (const auto& one : those) next.push_back(reading(one.job, name, reads, now));
          jobs = jobs.subspan(those.size());
        }
      });
  return next;
}

std::uint64_t keeper::reads_for(std::span<const keyed_job> together) {
  const auto molecules = tubes_.at(together.front().job.tube).layout().geometry().molecules();
  std::uint64_t more = 0;
  std::size_t strands = 0, first_time = 0;
  for (const auto& one : together) {
    more += one.job.reads_more;
    if (one.job.reads_more > 0) continue;
    strands += wanted(one).size() * molecules;
    ++first_time;
  }
  if (first_time == 0) return more;
  const double a_strand = static_cast<double>(options_.reads_a_strand) *
                          (1 - options_.share_for_luck * (1 - 1 / static_cast<double>(first_time)));
  return more + static_cast<std::uint64_t>(std::ceil(a_strand * static_cast<double>(strands)));
}

void keeper::give(std::span<const keyed_job> all, lab_time now) {
  for_each_group(
      all, [](const auto& one) { return std::string{awaited_order(one.job)}; },
      [&](const std::vector<keyed_job>& jobs) {
        const auto& first = jobs.front().job;
        if (!first.sequencing.empty()) return give_reads(jobs, now);
        const auto order = order_of(tubes_.at(first.tube), first);
        lasting([&] { lab_->order(order, now); });
      });
}

void keeper::give_reads(std::span<const keyed_job> all, lab_time now) {
  const auto& first = all.front().job;
  const auto& store = tubes_.at(first.tube);
  std::vector<std::uint32_t> leaves;
  for (const auto& one : all) {
    const auto more = store.contents().leaves_of(directory_of(one.key));
    leaves.insert(leaves.end(), more.begin(), more.end());
  }
  std::ranges::sort(leaves);
  const auto again = std::ranges::unique(leaves);
  leaves.erase(again.begin(), again.end());
  const auto steps =
      dna::wetlab::plan(store.layout(), store.contents().prefixes(leaves), dna::wetlab::protocol::precise);
  const sequencing_order order{first.sequencing.back(), first.tube, steps, first.reads_last};
  lasting([&] { lab_->order(order, now); });
}

// -- reads --

struct keeper::tube_reading {
  std::uint64_t reads = 0;
  std::vector<dna::block_outcome> outcomes;
  dna::partition found;
};

std::vector<archive_job> keeper::decode(std::span<const keyed_job> all, lab_time now) {
  std::vector<archive_job> next;
  for_each_group(
      all,
      [](const auto& one) {
        return std::pair{one.job.tube, one.job.sequencing};
      },
      [&](const std::vector<keyed_job>& jobs) {
        try {
          const auto found = read(jobs.front().job, now);
          for (const auto& one : jobs) next.push_back(judge(one, found, now));
        } catch (const dna::reads_error& e) {  // somebody has to look at the file
          for (const auto& one : jobs) next.push_back(failed(one.job, e.what(), now));
        }
      });
  return next;
}

keeper::tube_reading keeper::read(const archive_job& job, lab_time now) {
  const auto& store = tubes_.at(job.tube);
  dna::pipeline pipeline{{&store.codec()}, 1};
  std::vector<dna::read> reads;
  const auto sort = [&] {
    auto at = reads.begin();
    pipeline.add([&](dna::read& one) {
      if (at == reads.end()) return false;
      one = std::move(*at++);
      return true;
    });
    reads.clear();
  };
  for (const auto& order : job.sequencing)
    lab_->read(order, now, [&](const dna::read& one) {
      reads.push_back(one);
      if (reads.size() == reads_at_once) sort();
    });
  sort();
  auto outcomes = pipeline.decode();
  auto [blocks, parts] = dna::blocks_of(outcomes);
  dna::partition found{store.layout().partition(), std::move(blocks), parts};
  return {pipeline.counts().reads, std::move(outcomes), std::move(found)};
}

archive_job keeper::judge(const keyed_job& one, const tube_reading& found, lab_time now) {
  const auto& store = tubes_.at(one.job.tube);
  if (auto lacking = shortage_of(wanted(one), found.outcomes, found.reads, store.layout().geometry())) {
    // Where a PCR brought next to nothing of it, what came of that tells little: no less than a first order has.
    const auto first = lacking->missing.size() * store.layout().geometry().molecules() * options_.reads_a_strand;
    if (lacking->reads_more > 0) lacking->reads_more = std::max<std::uint64_t>(lacking->reads_more, first);
    return short_of(one.job, *lacking, now);
  }
  const auto path = path_of(one.key);
  const auto file = found.found.get(path);
  if (!file.content) return failed(one.job, file.reason, now);
  if (one.job.state == archive_state::sequencing) return decoded(one.job, *file.content, now);
  if (file.content != store.contents().get(path).content)
    return failed(one.job, "what was read of the tube is not what its partition has", now);
  const sealed_transcript opened{sealer_of(one), *file.content};
  if (opened.damage()) return failed(one.job, to_string(*opened.damage()), now);
  return stored(one.job, now);
}

archived_conversation keeper::open(const keyed_job& one) const {
  byte_string file;
  for (auto byte : one.job.content) file.push_back(static_cast<std::uint8_t>(byte));
  const sealed_transcript read{sealer_of(one), file};
  if (read.damage()) throw frame_error{to_string(*read.damage())};
  return read.said().now();
}

}  // namespace chromatin::archive

#include "archive/keeper.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "archive/synthesis_more.hpp"
#include "archive/tube_orders.hpp"
#include "dna/reads/pipeline.hpp"
#include "dna/wetlab/retrieval.hpp"

namespace chromatin::archive {
namespace {

/// Few, so that whoever serves keeps most of the processor's cache.
constexpr std::size_t reads_at_once = 1 << 10;

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
    : options_{std::move(options)}, lab_{std::move(lab)}, tubes_{options_.folder, options_.geometry} {
  if (!options_.schedule.empty()) schedule_.emplace(options_.schedule);
}

std::uint64_t keeper::room_bytes() const {
  return std::uint64_t{options_.geometry.leaves()} * options_.geometry.block_bytes();
}

// -- orders --

std::vector<std::string> keeper::files_of(const keyed_job& one) {
  std::vector<std::string> paths{transcript_path(one.key)};
  if (one.job.kv && tubes_.at(one.job.tube).contents().find(kv_path(one.key))) paths.push_back(kv_path(one.key));
  return paths;
}

std::vector<dna::block_id> keeper::wanted(const keyed_job& one) {
  const auto& contents = tubes_.at(one.job.tube).contents();
  const auto directory = directory_of(one.key);
  if (!contents.find(transcript_path(one.key)))
    throw dna::partition_error{fmt::format("there is no {} in the tube {}", directory, one.job.tube)};
  const auto journal = contents.journal_of(directory).blocks();
  std::vector<dna::block_id> all{journal.begin(), journal.end()};
  for (const auto& path : files_of(one)) {
    const auto file = contents.find(path);
    for (const auto& part : file->blocks)
      for (auto version = part.base; version <= part.last; ++version) all.push_back({part.leaf, version});
  }
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
  for (const auto& one : all)
    for (const auto& path : files_of(one)) {  // what else the directory has stays in the tube
      const auto more = store.contents().leaves_of(path);
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
  const bool is_recall = one.job.state == archive_state::sequencing;
  if (auto lacking = shortage_of(wanted(one), found.outcomes, found.reads, store.layout().geometry())) {
    // Where a PCR brought next to nothing of it, what came of that tells little: no less than a first order has.
    const auto first = lacking->missing.size() * store.layout().geometry().molecules() * options_.reads_a_strand;
    if (lacking->reads_more > 0) lacking->reads_more = std::max<std::uint64_t>(lacking->reads_more, first);
    const auto next = short_of(one.job, *lacking, now);
    return next.failure.empty() || !one.job.kv || !is_recall ? next : judge_without_kv(one, next, found, now);
  }
  if (is_recall) {
    const auto file = found.found.get(transcript_path(one.key));
    if (!file.content) return failed(one.job, file.reason, now);
    if (files_of(one).size() > 1) remember_kv(one, found);
    return decoded(one.job, *file.content, now);
  }
  for (const auto& path : files_of(one)) {
    const auto file = found.found.get(path);
    if (!file.content) return failed(one.job, file.reason, now);
    if (file.content != store.contents().get(path).content)
      return failed(one.job, "what was read of the tube is not what its partition has", now);
    const auto damage = damage_of(one, path, *file.content);
    if (!damage.empty()) return failed(one.job, damage, now);
  }
  return stored(one.job, now);
}

/// A recall that would stop, as `stopped` says: where all of the transcript was read, it comes back by itself.
archive_job keeper::judge_without_kv(const keyed_job& one, const archive_job& stopped, const tube_reading& found,
                                     lab_time now) {
  auto less = one;
  less.job.kv = false;
  less.job.note = "its keys and values do not come back: " + stopped.failure;
  const auto next = judge(less, found, now);
  return next.state == archive_state::decoded ? next : stopped;
}

}  // namespace chromatin::archive

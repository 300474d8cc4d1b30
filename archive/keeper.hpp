#pragma once

/// Who works on jobs: all of it that needs files, strands and reads. The registry is not here, and neither is a clock:
/// what a step needs of the conversation is passed in, and the job as it is next is returned, for the registry to keep
/// *before* the step after it (archive/job.hpp). Every step may be done again, by another process too.
///
/// A tenant's conversations are directories of its tubes (archive/tubes.hpp), each with a file `transcript` and, where
/// that was asked for, a file `kv`; a recall that does not ask for `kv` neither amplifies nor reads it. Jobs
/// that wait for the same tube share what is ordered: strands written together are one order, and so are the reads of
/// up to `together_max` directories, by one PCR with a primer for each. Primers copy each other's strands, so that with
/// more of them less and less of the product is what was wanted.
///
/// What is wrong with one job is in its `failure`; what is wrong with the folder or the laboratory is thrown as one
/// line, and the step can be tried again later. Blocks for long; one thread at a time.

#include <functional>
#include <map>
#include <memory>

#include "archive/schedule.hpp"
#include "archive/source.hpp"
#include "archive/tubes.hpp"
#include "dna/reads/partition_reads.hpp"

namespace chromatin::archive {

struct keeper_options {
  std::filesystem::path folder;  ///< of the tubes
  dna::profile geometry = dna::built_in_profile("archive");
  /// Of the first order, for each strand that is wanted: ten that vote, and as many that are of something else, or that
  /// make up for a PCR which brought more of that than others do.
  std::uint64_t reads_a_strand = 20;
  /// Of these, the share that is for the luck of a PCR: those who share one pay for it once.
  double share_for_luck = 0.2;
  served_cache cache = {};              ///< what keys and values are of
  std::size_t together_max = 16;        ///< jobs whose directories one PCR brings
  std::filesystem::path schedule = {};  ///< what will be wanted when (archive/schedule.hpp); empty: nobody says so
  /// Told before and after whatever outlives the process, for tests that end it there.
  std::function<void()> lasting = [] {};
};

class keeper {
 public:
  /// Throws schedule_error for a schedule that cannot be read.
  keeper(keeper_options options, std::shared_ptr<laboratory> lab);

  const laboratory& lab() const { return *lab_; }
  /// What the laboratory says of the order that the job waits for.
  lab_answer look(const archive_job& job, lab_time now) { return lab_->look(awaited_order(job), now); }

  /// next_step::write_frame: what is new of these conversations is in their tubes, and its strands are marked as
  /// ordered. The jobs as they are next, in their order: ordered, or failed.
  std::vector<archive_job> write(std::span<const archive_source> all, lab_time now);
  /// next_step::plan_reads, the same order for as many of one tube as share a PCR.
  std::vector<archive_job> plan_reads(std::span<const keyed_job> all, lab_time now);
  /// next_step::order_strands and order_reads: gives each order once. All jobs of an order of reads are here.
  void give(std::span<const keyed_job> all, lab_time now);
  /// next_step::decode. The jobs as they are next: stored, decoded, short of blocks, or failed.
  std::vector<archive_job> decode(std::span<const keyed_job> all, lab_time now);
  /// next_step::settle: the conversation, and what of its keys and values can be had. Throws frame_error where what was
  /// read of the transcript is not what was sealed.
  recalled open(const keyed_job& one, lab_time now);

  /// As it is now; no lines where there is none.
  schedule_view look_at_schedule() { return schedule_ ? schedule_->look() : schedule_view{}; }

  /// Of an empty tube.
  std::uint64_t room_bytes() const;
  /// Of all tubes, as their stores note it.
  tube_figures figures() const { return tubes_.figures(); }

 private:
  struct tube_reading {
    std::uint64_t reads = 0;
    std::vector<dna::block_outcome> outcomes;
    dna::partition found;
  };

  // archive/keeper_files.cpp
  void lasting(const std::function<void()>& what);
  void write_files(const archive_source& one, archive_job& job);
  void put_or_update(dna::store& tube, const dna::new_file& file, const std::optional<byte_string>& before);
  byte_string kv_of(const archive_source& one, const std::optional<byte_string>& before, std::string& note);
  std::string put_new(const std::string& tenant, const std::vector<dna::new_file>& files);
  void mark(const std::string& tube, std::span<const archive_source> all);
  std::uint32_t last_order_of(const keyed_job& one);
  /// Empty where it can be opened.
  std::string damage_of(const keyed_job& one, const std::string& path, const byte_string& content) const;
  void remember_kv(const keyed_job& one, const tube_reading& found);
  void open_kv(const keyed_job& one, lab_time now, recalled& into);

  std::uint64_t reads_for(std::span<const keyed_job> together);
  void give_reads(std::span<const keyed_job> all, lab_time now);
  tube_reading read(const archive_job& job, lab_time now);
  archive_job judge(const keyed_job& one, const tube_reading& found, lab_time now);
  archive_job judge_without_kv(const keyed_job& one, const archive_job& stopped, const tube_reading& found,
                               lab_time now);
  /// That this job is about: the transcript first.
  std::vector<std::string> files_of(const keyed_job& one);
  /// The journal, so that the reads tell what is where, and the files.
  std::vector<dna::block_id> wanted(const keyed_job& one);

  keeper_options options_;
  std::shared_ptr<laboratory> lab_;
  tubes tubes_;
  std::optional<schedule_file> schedule_;
  std::map<std::uint64_t, byte_string> kv_read_;  ///< by job, until it is opened
};

}  // namespace chromatin::archive

#pragma once

/// Who works on jobs, as plainly as can be: one step after the other, on a registry, a tube's store and a laboratory.
/// Its process may end before and after everything that lasts.

#include <algorithm>

#include <gtest/gtest.h>

#include "archive/job.hpp"
#include "archive/registry_copy.hpp"
#include "archive/sealed_transcript.hpp"
#include "archive/simulator.hpp"
#include "archive/tube_orders.hpp"
#include "dna/reads/pipeline.hpp"
#include "dna/wetlab/retrieval.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::archive {

/// The process ends here.
struct process_end {};

/// What outlives the process: files, and the laboratory.
struct outside {
  outside() {
    dna::store::create(folder / "tube",
                       dna::describe(dna::profile{}, {"AACCGTGTTGCAGTCTGATC", "TCAGGATACCGTTGACGTCA"}));
  }
  test::temporary_folder folder;
  simulator lab{simulator_options{}};
  lab_time now{std::chrono::days{20'000}};
  long lasting_until_end = -1;  ///< so many more moments around what lasts; -1: it does not end
  long moments = 0;             ///< that there were
  int orders = 0;               ///< that were given to the laboratory, each once
};

class clerk {
 public:
  explicit clerk(outside& world)
      : world_{world},
        registry{io::open_registry(world.folder / "registry")},
        tube{dna::store::open(world.folder / "tube", dna::store::access::write)} {}

  /// Until there is nothing left to do for this job, or it stops.
  next_step run(std::uint64_t number) {
    while (true) {
      const auto job = registry->archives().find(number).value();
      const auto answer = world_.lab.look(awaited_order(job), world_.now);
      const auto step = step_of(job, answer);
      if (step == next_step::nothing || step == next_step::stop || step == next_step::refused) return step;
      if (step == next_step::wait) world_.now = answer.expected.value();
      if (step != next_step::wait) work(job, step);
    }
  }

  std::uint64_t add(const archive_job& job) {
    std::uint64_t number = 0;
    lasting([&] { number = registry->archives().add(job); });
    return number;
  }
  void drop_copy(const io::conversation_key& key) {
    lasting([&] { registry->archives().drop_copy(key); });
  }

 private:
  outside& world_;

 public:
  std::unique_ptr<io::registry_store> registry;
  dna::store tube;

 private:
  void lasting(auto what) {
    moment();
    what();
    moment();
  }
  void moment() {
    ++world_.moments;
    if (world_.lasting_until_end == 0) throw process_end{};
    if (world_.lasting_until_end > 0) --world_.lasting_until_end;
  }
  void put(const archive_job& job) {
    lasting([&] { registry->archives().put(job); });
  }

  void work(const archive_job& job, next_step step) {
    switch (step) {
      case next_step::write_frame:
        return write_frame(job);
      case next_step::order_strands:
        return give(order_of(tube, job.tube, job.synthesis));
      case next_step::plan_reads:
        return put(reading(job, "job-" + std::to_string(job.number) + "-" + std::to_string(job.sequencing.size() + 1),
                           job.reads_more > 0 ? job.reads_more : 300, world_.now));
      case next_step::order_reads:
        return give(reads_of(job));
      case next_step::decode:
        return decode(job);
      case next_step::settle:
        return settle(job);
      default:
        FAIL() << "no work";
    }
  }

  std::string path_of(const archive_job& job) {
    return directory_of(registry->archives().find_key(conversation_of(job)).value()) + "/transcript";
  }
  sealer sealer_of(const archive_job& job) {
    return {registry->archives().find_key(conversation_of(job)).value(), conversation_of(job)};
  }

  void write_frame(const archive_job& job) {
    const auto key = conversation_of(job);
    lasting([&] { registry->archives().keep_key(key, new_key()); });
    const auto path = path_of(job);
    const bool there = tube.contents().find(path).has_value();
    auto file = there ? sealed_transcript{sealer_of(job), *tube.contents().get(path).content}
                      : sealed_transcript{sealer_of(job)};
    EXPECT_FALSE(file.damage());
    if (file.append(copy_of(*registry, key).value())) {
      lasting([&] {
        if (there)
          tube.update(path, file.file());
        else
          tube.put(std::vector<dna::new_file>{{path, file.file()}});
      });
    }
    if (order_with(tube, path) == 0) lasting([&] { tube.mark_ordered(); });
    put(ordered(job, registry->find(key)->version, tube.contents().last_commit(),
                order_name(job.tube, order_with(tube, path)), world_.now));
  }

  sequencing_order reads_of(const archive_job& job) {
    auto leaves = tube.contents().leaves_of("/");
    for (auto leaf : tube.contents().leaves_of(path_of(job))) leaves.push_back(leaf);
    std::ranges::sort(leaves);
    const auto end = std::unique(leaves.begin(), leaves.end());
    leaves.erase(end, leaves.end());
    return {job.sequencing.back(), job.tube,
            dna::wetlab::plan(tube.layout(), tube.contents().prefixes(leaves), dna::wetlab::protocol::precise),
            job.sequencing.size() == 1 ? job.reads : job.reads - 300};
  }

  void give(const auto& order) {
    lasting([&] {
      world_.orders += world_.lab.look(order.name, world_.now).progress == lab_progress::unknown;
      world_.lab.order(order, world_.now);
    });
  }

  void decode(const archive_job& job) {
    std::vector<dna::read> reads;
    for (const auto& order : job.sequencing)
      world_.lab.read(order, world_.now, [&](const dna::read& one) { reads.push_back(one); });
    dna::pipeline pipeline{{&tube.codec()}, 1};
    std::size_t at = 0;
    pipeline.add([&](dna::read& one) {
      if (at == reads.size()) return false;
      one = reads[at++];
      return true;
    });
    const auto outcomes = pipeline.decode();
    std::vector<dna::block> blocks;
    for (const auto& one : outcomes)
      if (one.decoded) blocks.push_back(*one.decoded);
    const dna::partition found{tube.layout().partition(), std::move(blocks)};
    if (auto lacking = shortage_of(wanted(job), outcomes, job.reads, tube.layout().geometry()))
      return put(short_of(job, *lacking, world_.now));
    const auto file = found.get(path_of(job)).content.value();
    EXPECT_EQ(file, tube.contents().get(path_of(job)).content);
    put(job.state == archive_state::ordered ? stored(job, world_.now) : decoded(job, file, world_.now));
  }

  /// The journal, so that the reads tell what is where, and the file.
  std::vector<dna::block_id> wanted(const archive_job& job) {
    std::vector<dna::block_id> all;
    for (const auto& [id, one] : tube.contents().blocks())
      if (one.kind == dna::block_kind::journal) all.push_back(id);
    const auto file = tube.contents().find(path_of(job)).value();
    for (const auto& part : file.blocks)
      for (auto version = part.base; version <= part.last; ++version) all.push_back({part.leaf, version});
    return all;
  }

  void settle(const archive_job& job) {
    byte_string file;
    for (auto byte : job.content) file.push_back(static_cast<std::uint8_t>(byte));
    const sealed_transcript read{sealer_of(job), file};
    EXPECT_FALSE(read.damage());
    lasting([&] {
      registry->begin();
      put_back(*registry, conversation_of(job), 1, read.said().now(), {});
      registry->archives().put(settled(job, world_.now));
      registry->commit();
    });
  }
};

}  // namespace chromatin::archive

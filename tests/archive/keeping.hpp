#pragma once

/// A process with a registry and a keeper, which does whatever a job needs next. It may end before and after everything
/// that lasts.

#include <random>

#include <gtest/gtest.h>

#include "archive/keeper.hpp"
#include "archive/registry_copy.hpp"
#include "archive/sealing.hpp"
#include "archive/simulator.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::archive {

/// The process ends here.
struct process_end {};

/// As many leaves as a short test needs.
inline dna::profile small_archive() {
  auto geometry = dna::built_in_profile("archive");
  geometry.levels = 4;
  return geometry;
}

/// A laboratory that counts what it is given.
class counting_laboratory final : public laboratory {
 public:
  explicit counting_laboratory(simulator_options options = {}) : model{std::move(options)} {}

  bool simulated() const override { return true; }
  lab_times usual() const override { return model.usual(); }
  void order(const synthesis_order& what, lab_time now) override { take(what, now, syntheses); }
  void order(const sequencing_order& what, lab_time now) override { take(what, now, sequencings); }
  lab_answer look(std::string_view name, lab_time now) override { return model.look(name, now); }
  void read(std::string_view name, lab_time now, const std::function<void(const dna::read&)>& take) override {
    model.read(name, now, take);
  }

  simulator model;
  std::vector<synthesis_order> syntheses;  ///< each once
  std::vector<sequencing_order> sequencings;

 private:
  void take(const auto& what, lab_time now, auto& into) {
    const bool fresh = model.look(what.name, now).progress == lab_progress::unknown;
    model.order(what, now);
    if (fresh) into.push_back(what);
  }
};

/// Chunks of next to no bytes.
inline const served_cache small_cache{{.layers = 2, .kv_heads = 1, .head_dim = 2}, {7, 7}};

/// One with bytes from a seed, in a page of its own.
inline kv_chunk some_chunk(const kv::link& link, std::uint32_t depth, std::uint64_t seed) {
  const auto& shape = small_cache.geometry;
  auto page = kv::page_arena::make(kv::plain_memory(shape.chunk_bytes()), shape.chunk_bytes())->try_allocate();
  std::mt19937_64 random{seed};
  std::vector<std::uint64_t> sums;
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer) {
    const auto slice = kv::packed_slice_of(page, shape, layer, link.fill);
    std::ranges::fill(slice, std::byte{0});
    for (auto& byte : slice.first(2 * link.fill * shape.token_bytes())) byte = static_cast<std::byte>(random());
    sums.push_back(kv::checksum(slice));
  }
  return {link, depth, std::make_shared<const std::vector<std::uint64_t>>(std::move(sums)), page};
}

/// What outlives the process: files, what the disk tier has, and the laboratory.
struct outside {
  test::temporary_folder folder;
  std::shared_ptr<counting_laboratory> lab = std::make_shared<counting_laboratory>();
  dna::profile geometry = small_archive();
  std::map<kv::chunk_key, kv_chunk> disk;
  served_cache cache = small_cache;
  lab_time now{std::chrono::days{20'000}};
  long lasting_until_end = -1;  ///< so many more moments around what lasts; -1: it does not end
  long moments = 0;             ///< that there were

  /// As if all chunks of a conversation had been computed.
  void compute(const archived_conversation& said) {
    std::uint32_t depth = 0;
    for (const auto& link : chunks_of(said)) disk.try_emplace(link.key, some_chunk(link, depth++, link.key.low));
  }

  void moment() {
    ++moments;
    if (lasting_until_end == 0) throw process_end{};
    if (lasting_until_end > 0) --lasting_until_end;
  }
};

class process {
 public:
  explicit process(outside& world)
      : world_{world},
        registry{io::open_registry(world.folder / "registry")},
        work{{.folder = world.folder / "tubes",
              .geometry = world.geometry,
              .reads_a_strand = 12,
              .cache = world.cache,
              .lasting = [&world] { world.moment(); }},
             world.lab} {}

  /// Until there is nothing left to do for these jobs, or they stop.
  void run(const std::vector<std::uint64_t>& numbers) {
    while (true) {
      std::map<next_step, std::vector<keyed_job>> steps;
      std::optional<lab_time> expected;
      for (auto number : numbers) {
        const auto job = registry->archives().find(number).value();
        const auto answer = work.look(job, world_.now);
        const auto step = step_of(job, answer);
        if (step == next_step::wait) expected = std::min(answer.expected.value(), expected.value_or(*answer.expected));
        if (step != next_step::nothing && step != next_step::stop && step != next_step::refused)
          steps[step].push_back({job, registry->archives().keep_key(conversation_of(job), new_key())});
      }
      if (steps.empty()) return;
      if (steps.size() == 1 && expected) world_.now = *expected;
      for (const auto& [step, jobs] : steps) take(step, jobs);
    }
  }
  archive_job run(std::uint64_t number) {
    run(std::vector{number});
    return registry->archives().find(number).value();
  }

  std::uint64_t add(const archive_job& job) {
    std::uint64_t number = 0;
    lasting([&] { number = registry->archives().add(job); });
    return number;
  }
  archive_job archive(const io::conversation_key& key, bool kv = false) {
    return run(add(plan_archive(key, registry->find(key)->version, world_.now, kv)));
  }
  void drop_copy(const io::conversation_key& key) {
    lasting([&] { registry->archives().drop_copy(key); });
  }

 private:
  outside& world_;

 public:
  std::unique_ptr<io::registry_store> registry;
  keeper work;

 private:
  void lasting(auto what) {
    world_.moment();
    what();
    world_.moment();
  }
  void put(const std::vector<archive_job>& all) {
    for (const auto& job : all) lasting([&] { registry->archives().put(job); });
  }

  void take(next_step step, const std::vector<keyed_job>& jobs) {
    switch (step) {
      case next_step::write_frame:
        return put(work.write(sources_of(jobs), world_.now));
      case next_step::plan_reads:
        return put(work.plan_reads(jobs, world_.now));
      case next_step::order_strands:
      case next_step::order_reads:
        return work.give(jobs, world_.now);
      case next_step::decode:
        return put(work.decode(jobs, world_.now));
      case next_step::settle:
        for (const auto& one : jobs) settle(one);
        return;
      default:
        return;
    }
  }

  std::vector<archive_source> sources_of(const std::vector<keyed_job>& jobs) {
    std::vector<archive_source> all;
    for (const auto& one : jobs) {
      const auto key = conversation_of(one.job);
      all.push_back({one, registry->find(key)->version, copy_of(*registry, key).value()});
      if (!one.job.kv) continue;
      for (const auto& link : chunks_of(all.back().said))
        if (const auto found = world_.disk.find(link.key); found != world_.disk.end())
          all.back().kv.push_back(found->second);
    }
    return all;
  }

  void settle(const keyed_job& one) {
    lasting([&] {
      const auto back = work.open(one, world_.now);
      for (const auto& chunk : back.kv) world_.disk.insert_or_assign(chunk.link.key, chunk);
      auto next = settled(one.job, world_.now);
      if (next.kv) next.note = back.kv_left_out;
      registry->begin();
      put_back(*registry, conversation_of(one.job), 1, back.said, {}, one.job.version);
      registry->archives().put(next);
      registry->commit();
    });
  }
};

}  // namespace chromatin::archive

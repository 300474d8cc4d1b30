#pragma once

/// A process with a registry and a keeper, which does whatever a job needs next. It may end before and after everything
/// that lasts.

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

/// What outlives the process: files, and the laboratory.
struct outside {
  test::temporary_folder folder;
  std::shared_ptr<counting_laboratory> lab = std::make_shared<counting_laboratory>();
  dna::profile geometry = small_archive();
  lab_time now{std::chrono::days{20'000}};
  long lasting_until_end = -1;  ///< so many more moments around what lasts; -1: it does not end
  long moments = 0;             ///< that there were

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
  archive_job archive(const io::conversation_key& key) {
    return run(add(plan_archive(key, registry->find(key)->version, world_.now)));
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
    }
    return all;
  }

  void settle(const keyed_job& one) {
    lasting([&] {
      registry->begin();
      put_back(*registry, conversation_of(one.job), 1, work.open(one), {}, one.job.version);
      registry->archives().put(settled(one.job, world_.now));
      registry->commit();
    });
  }
};

}  // namespace chromatin::archive

#include "actors/keeper.hpp"

#include <chrono>
#include <optional>

#include "actors/gentle.hpp"
#include "actors/last_words.hpp"

namespace chromatin {
namespace {

template <class T, class Work>
caf::result<T> guarded(bool gentle, Work work) {
  std::optional<short_stints> stints;
  if (gentle) stints.emplace();
  try {
    return work();
  } catch (const archive::frame_error& e) {
    return caf::make_error(ec::invalid_argument, std::string{e.what()});
  } catch (const std::exception& e) {
    return caf::make_error(ec::store_failed, std::string{e.what()});
  }
}

counters count(const archive::keeper& work) {
  const auto all = work.figures();
  return {"archive-keeper",
          {{"tubes", static_cast<std::int64_t>(all.tubes)},
           {"strands", static_cast<std::int64_t>(all.strands)},
           {"blocks", static_cast<std::int64_t>(all.blocks)},
           {"synthesis_cents", static_cast<std::int64_t>(all.synthesis_dollars * 100)}}};
}

}  // namespace

lab_clock world_clock() {
  return [] { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); };
}

keeper_actor::behavior_type keeper(keeper_actor::pointer self, std::shared_ptr<archive::keeper> work, lab_clock clock,
                                   bool gentle) {
  keep_last_words(self);
  if (gentle) be_gentle();
  return {
      [=](atom::lookup, const job_list& jobs) {
        return guarded<lab_answers>(gentle, [&]() -> caf::result<lab_answers> {
          lab_answers all;
          for (const auto& job : jobs) all.push_back(work->look(job, clock()));
          return all;
        });
      },
      [=](atom::save, const archive_sources& all) {
        return guarded<job_list>(gentle, [&]() -> caf::result<job_list> { return work->write(all, clock()); });
      },
      [=](atom::expect, const keyed_jobs& all) {
        return guarded<job_list>(gentle, [&]() -> caf::result<job_list> { return work->plan_reads(all, clock()); });
      },
      [=](atom::append, const keyed_jobs& all) {
        return guarded<void>(gentle, [&]() -> caf::result<void> {
          work->give(all, clock());
          return {};
        });
      },
      [=](atom::read, const keyed_jobs& all) {
        return guarded<job_list>(gentle, [&]() -> caf::result<job_list> { return work->decode(all, clock()); });
      },
      [=](atom::open, const archive::keyed_job& one) {
        return guarded<recalled_conversation>(gentle, [&]() -> caf::result<recalled_conversation> {
          return recalled_conversation{std::make_shared<archive::recalled>(work->open(one, clock()))};
        });
      },
      [=](atom::list) {
        return guarded<archive::schedule_view>(
            gentle, [&]() -> caf::result<archive::schedule_view> { return work->look_at_schedule(); });
      },
      [=](atom::stats) { return guarded<counters>(gentle, [&]() -> caf::result<counters> { return count(*work); }); },
  };
}

}  // namespace chromatin

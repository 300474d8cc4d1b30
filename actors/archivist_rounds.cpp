// How the archivist takes every job's next step: a part of the archivist.

#include <algorithm>
#include <set>
#include <type_traits>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "actors/archivist.hpp"

namespace chromatin {

using archive::next_step;
using io::archive_state;

namespace {

keyed_jobs without_said(const archive_sources& all) { return {all.begin(), all.end()}; }

}  // namespace

void archivist_state::proceed() {
  if (under_way_ > 0) {
    happened_ = true;  // another one follows
    return;
  }
  enter();
  wake_at_.reset();
  for (const auto& [number, job] : copies_) drop_copy(job);
  job_list jobs;
  for (const auto& [number, entry] : jobs_)
    if (entry.job.failure.empty()) jobs.push_back(entry.job);
  if (!jobs.empty()) {
    enter();
    self->request(keeper, caf::infinite, atom::lookup_v, jobs)
        .then(
            [this, jobs](const lab_answers& answers) {
              choose(jobs, answers);
              leave();
            },
            [this, jobs](const caf::error& error) {
              trouble(jobs, error);
              leave();
            });
  }
  leave();
}

void archivist_state::leave() {
  if (--under_way_ > 0) return;
  if (std::exchange(happened_, false)) {
    self->send(self, atom::internal_v, atom::proceed_v, std::uint64_t{0});
  } else if (wake_at_) {
    const auto pause = std::max(*wake_at_ - clock(), std::chrono::seconds{1});
    self->delayed_send(self, pause, atom::internal_v, atom::proceed_v, ++wake_);
  }
}

void archivist_state::wake_at(archive::lab_time when) { wake_at_ = std::min(when, wake_at_.value_or(when)); }

void archivist_state::choose(const job_list& jobs, const lab_answers& answers) {
  steps all;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto& job = jobs[i];
    const auto& order = answers.at(i);
    if (auto known = jobs_.find(job.number); known != jobs_.end()) known->second.order = order;
    const auto step = archive::step_of(job, order);
    if (step == next_step::wait)
      wake_at(order.expected.value_or(clock() + options.look_every));
    else if (step == next_step::refused)
      keep(archive::failed(job, "the laboratory will not do it: " + order.note, clock()));
    else
      all[step].push_back(job);
  }
  for (const auto& [step, of] : all) take(step, of);
}

job_list archivist_state::pooled(job_list jobs, bool by_tube) {
  std::set<std::string> due;
  const auto tube = [&](const archive_job& job) { return by_tube ? job.tube : std::string{}; };
  const auto end = [&](const archive_job& job) { return changed_at(job) + options.pool_window; };
  for (const auto& job : jobs)
    if (end(job) <= clock()) due.insert(tube(job));
  for (const auto& job : jobs)
    if (!due.contains(tube(job))) wake_at(end(job));
  std::erase_if(jobs, [&](const archive_job& job) { return !due.contains(tube(job)); });
  return jobs;
}

void archivist_state::take(next_step step, const job_list& jobs) {
  switch (step) {
    case next_step::write_frame:
      return with_sources(pooled(jobs, false), true,
                          [this](archive_sources& all, const job_list& of) { write(std::move(all), of); });
    case next_step::plan_reads:
      return with_sources(pooled(jobs, true), false, [this](archive_sources& all, const job_list& of) {
        ask_keeper(
            of, [this](const job_list& next) { keep_plan(next); }, atom::expect_v, without_said(all));
      });
    case next_step::order_strands:
    case next_step::order_reads:
      return with_sources(jobs, false, [this](archive_sources& all, const job_list& of) {
        ask_keeper(
            of, [this] { happened_ = true; }, atom::append_v, without_said(all));
      });
    case next_step::decode:
      return with_sources(jobs, false, [this](archive_sources& all, const job_list& of) {
        ask_keeper(
            of, [this](const job_list& next) { keep(next); }, atom::read_v, without_said(all));
      });
    case next_step::settle:
      return with_sources(jobs, false, [this](archive_sources& all, const job_list&) {
        for (const auto& one : all) settle(one);
      });
    default:
      return;
  }
}

template <class Done, class... Message>
void archivist_state::ask_keeper(const job_list& of, Done done, Message... message) {
  enter();
  const auto failed = [this, of](const caf::error& error) {
    trouble(of, error);
    leave();
  };
  auto asked = self->request(keeper, caf::infinite, std::move(message)...);
  if constexpr (std::is_invocable_v<Done>) {
    asked.then(
        [this, done] {
          done();
          leave();
        },
        failed);
  } else {
    asked.then(
        [this, done](const job_list& next) {
          done(next);
          leave();
        },
        failed);
  }
}

template <class Work>
void archivist_state::with_sources(const job_list& jobs, bool with_said, Work work) {
  if (jobs.empty()) return;
  enter();
  self->request(registry, caf::infinite, atom::archive_v, atom::read_v, jobs, with_said)
      .then(
          [this, jobs, work](archive_sources& found) {
            left_out(jobs, found);
            if (!found.empty()) work(found, jobs);
            leave();
          },
          [this, jobs](const caf::error& error) {
            trouble(jobs, error);
            leave();
          });
}

// -- what came of it --

void archivist_state::keep(const job_list& next) {
  for (const auto& job : next) keep(job);
}

void archivist_state::keep_plan(const job_list& next) {
  std::map<std::string, std::uint64_t> orders;  // which several share
  for (const auto& job : next) orders[job.sequencing.back()] = job.reads_last;
  pcrs_ordered_ += static_cast<std::int64_t>(orders.size());
  for (const auto& [order, reads] : orders) reads_ordered_ += static_cast<std::int64_t>(reads);
  keep(next);
}

void archivist_state::keep(const archive_job& next) {
  enter();
  self->request(registry, caf::infinite, atom::archive_v, atom::save_v, next)
      .then(
          [this, next](bool there) {
            changed(next, there);
            leave();
          },
          [this, next](const caf::error& error) {
            trouble({next}, error);
            leave();
          });
}

/// With the chunks that the disk has, of those that want them.
void archivist_state::write(archive_sources all, const job_list& of) {
  const auto give = [this, of](archive_sources& sources) {
    ask_keeper(
        of, [this](const job_list& next) { keep(next); }, atom::save_v, std::move(sources));
  };
  if (std::ranges::none_of(all, [](const auto& one) { return one.job.kv; })) return give(all);
  enter();
  self->request(carrier, caf::infinite, atom::fetch_v, std::move(all))
      .then(
          [this, give](archive_sources& with_chunks) {
            give(with_chunks);
            leave();
          },
          [this, of](const caf::error& error) {
            trouble(of, error);
            leave();
          });
}

void archivist_state::settle(const archive::keyed_job& one) {
  enter();
  self->request(keeper, caf::infinite, atom::open_v, one)
      .then([this, job = one.job](const recalled_conversation& what) { bring_back(job, what); },
            [this, job = one.job](const caf::error& error) { cannot_settle(job, error); });
}

/// Keys and values first, so that the turn that waits for the conversation finds them.
void archivist_state::bring_back(const archive_job& job, const recalled_conversation& what) {
  if (!job.kv) return put_back(job, what, {});
  self->request(carrier, caf::infinite, atom::save_v, what)
      .then(
          [this, job, what](const key_list& saved) {
            auto told = job;
            told.note = fmt::format("{} of {} chunks of keys and values are on the disk{}{}", saved.size(),
                                    what->kv_chunks, what->kv_left_out.empty() ? "" : "; ", what->kv_left_out);
            if (saved.size() < what->kv.size())
              told.note += fmt::format("; {} found no room there", what->kv.size() - saved.size());
            put_back(told, what, saved);
          },
          [this, job](const caf::error& error) { cannot_settle(job, error); });
}

void archivist_state::put_back(const archive_job& job, const recalled_conversation& what, const key_list& saved) {
  self->request(registry, caf::infinite, atom::archive_v, atom::settle_v, archive::settled(job, clock()), what)
      .then(
          [this, next = archive::settled(job, clock()), saved](bool there) {
            if (!there && tiers && !saved.empty()) self->send(tiers, atom::erase_v, saved);  // forgotten meanwhile
            if (there) chunks_back_ += static_cast<std::int64_t>(saved.size());
            if (!next.note.empty()) spdlog::info("archive: job {}: {}", next.number, next.note);
            changed(next, there);
            leave();
          },
          [this, job](const caf::error& error) { cannot_settle(job, error); });
}

void archivist_state::cannot_settle(const archive_job& job, const caf::error& error) {
  if (error == ec::invalid_argument || error == ec::version_conflict)
    keep(archive::failed(job, explain(error), clock()));
  else
    trouble({job}, error);
  leave();
}

void archivist_state::drop_copy(const archive_job& job) {
  enter();
  self->request(registry, caf::infinite, atom::archive_v, atom::erase_v, job)
      .then(
          [this, number = job.number](copy_dropped& copy) {
            copies_.erase(number);
            if (tiers && !copy.chunks.empty()) self->send(tiers, atom::erase_v, std::move(copy.chunks));
            leave();
          },
          [this](const caf::error&) {  // a turn is under way, or the store is in trouble
            wake_at(clock() + options.look_every);
            leave();
          });
}

/// `job` is durable, unless it is not there any more.
void archivist_state::changed(const archive_job& job, bool there) {
  happened_ = true;
  if (!there || is_over(job)) {
    jobs_.erase(job.number);
    if (there && job.state == archive_state::stored) copies_.emplace(job.number, job);
    stored_ += there && job.state == archive_state::stored;
    settled_ += there && job.state == archive_state::settled;
    return tell(job,
                there ? caf::error{} : caf::make_error(ec::no_conversation, job.id + " was forgotten, or is damaged"));
  }
  jobs_.insert_or_assign(job.number, job_entry{job, {}, {}});
  short_ += !job.missing.empty();
  if (job.failure.empty()) return;
  ++failed_;
  spdlog::warn("archive: job {} of the conversation {} stops: {}", job.number, job.id, job.failure);
  tell(job, caf::make_error(ec::not_available, "the conversation " + job.id + " does not come back: " + job.failure));
}

/// Those of the jobs that the registry does not have any more.
void archivist_state::left_out(const job_list& jobs, const archive_sources& found) {
  for (const auto& job : jobs) {
    const auto is_it = [&](const auto& one) { return one.job.number == job.number; };
    if (std::ranges::none_of(found, is_it)) changed(job, false);
  }
}

void archivist_state::trouble(const job_list& jobs, const caf::error& error) {
  for (const auto& job : jobs)
    if (auto known = jobs_.find(job.number); known != jobs_.end()) {
      if (known->second.trouble.empty()) spdlog::warn("archive: job {}: {}", job.number, explain(error));
      known->second.trouble = explain(error);
    }
  wake_at(clock() + options.look_every);
}

/// Whoever waits for the job.
void archivist_state::tell(const archive_job& job, const caf::error& error) {
  const auto [first, last] = waiting_.equal_range(job.number);
  for (auto one = first; one != last; ++one) error ? one->second.deliver(error) : one->second.deliver(ticket_of(job));
  waiting_.erase(first, last);
}

}  // namespace chromatin

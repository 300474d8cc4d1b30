// What the registry keeps of conversations on their way into DNA and back: a part of the registry.

#include <algorithm>
#include <functional>

#include "actors/held_lease.hpp"
#include "actors/registry.hpp"
#include "archive/registry_copy.hpp"
#include "archive/sealing.hpp"

namespace chromatin {
namespace {

using io::archive_state;

/// Some of them are on their way already.
constexpr std::uint32_t looked_at_for_each = 4, looked_at_more = 64;

archive::lab_time time_of(std::int64_t now_s) { return archive::lab_time{std::chrono::seconds{now_s}}; }

bool is_recall(const archive_job& job) { return job.state >= archive_state::asked; }
bool is_stored(const archive_job& job) { return job.state == archive_state::stored; }
bool is_settled(const archive_job& job) { return job.state == archive_state::settled; }

/// The last one of its conversation that is stored; null where none is.
const archive_job* last_stored(const job_list& jobs) {
  const auto found = std::find_if(jobs.rbegin(), jobs.rend(), is_stored);
  return found == jobs.rend() ? nullptr : &*found;
}

}  // namespace

bool registry_state::is_archived(const conversation_ref& which) {
  return !store->find(key_of(which)) && last_stored(store->archives().jobs_of(key_of(which)).jobs);
}

caf::error registry_state::absent(const conversation_ref& which) {
  if (!is_archived(which)) return missing(which);
  return caf::make_error(ec::archived, "the conversation " + which.id + " is in DNA");
}

/// A job that goes on as it was, or again after it had failed. Whether keys and values are wanted can change until its
/// first step: once one has failed to either, before that to more only.
archive_job registry_state::going_on(archive_job job, bool kv, std::int64_t now_s) {
  const bool under_way = job.state != archive_state::planned && job.state != archive_state::asked;
  const bool wanted = under_way ? job.kv : kv || (job.kv && job.failure.empty());
  if (job.failure.empty() && job.kv == wanted) return job;
  if (!job.failure.empty()) job = archive::resumed(std::move(job), time_of(now_s));
  job.kv = wanted;
  begin_write();
  store->archives().put(job);
  return job;
}

archive_job registry_state::add_job(archive_job job) {
  begin_write();
  job.number = store->archives().add(job);
  return job;
}

void registry_state::remove_settled(const job_list& of) {
  for (const auto& job : of) {
    if (!is_settled(job)) continue;
    begin_write();
    store->archives().remove(job.number);
  }
}

caf::result<archive_job> registry_state::plan_archive(const conversation_ref& which, bool kv, std::int64_t now_s) {
  return guarded<archive_job>([&]() -> caf::result<archive_job> {
    const auto known = store->find(key_of(which));
    const auto jobs = store->archives().jobs_of(key_of(which)).jobs;
    const auto* stored = last_stored(jobs);
    if (!known && !stored) return missing(which);
    if (!known) return *stored;
    for (const auto& job : jobs)
      if (!is_recall(job) && !io::is_over(job)) return going_on(job, kv, now_s);
    remove_settled(jobs);
    const bool has_all = stored && stored->version == known->version && (stored->kv || !kv);
    if (has_all) return *stored;  // nothing was said since
    return add_job(archive::plan_archive(key_of(which), known->version, time_of(now_s), kv));
  });
}

caf::result<archive_job> registry_state::ask_recall(const conversation_ref& which, bool kv, std::int64_t now_s) {
  return guarded<archive_job>([&]() -> caf::result<archive_job> {
    const auto jobs = store->archives().jobs_of(key_of(which)).jobs;
    if (store->find(key_of(which))) {
      const auto back = std::ranges::find_if(jobs, is_settled);
      if (back != jobs.end()) return *back;
      return caf::make_error(ec::invalid_argument, "the conversation " + which.id + " is here: nothing to recall");
    }
    const auto* stored = last_stored(jobs);
    if (!stored) return missing(which);
    for (const auto& job : jobs)
      if (is_recall(job) && !io::is_over(job)) return going_on(job, kv, now_s);
    remove_settled(jobs);
    return add_job(archive::ask_recall(*stored, time_of(now_s), kv));
  });
}

caf::result<archive_book> registry_state::open_book() {
  return guarded<archive_book>([&]() -> caf::result<archive_book> {
    archive_book book;
    for (auto& job : store->archives().jobs().jobs) {
      if (!io::is_over(job))
        book.unfinished.push_back(std::move(job));
      else if (is_stored(job) && store->find(archive::conversation_of(job)))
        book.copies.push_back(std::move(job));
    }
    return book;
  });
}

caf::result<job_list> registry_state::list_jobs(const std::string& tenant) {
  return guarded<job_list>([&]() -> caf::result<job_list> {
    auto jobs = store->archives().jobs().jobs;
    std::erase_if(jobs, [&](const archive_job& job) { return job.tenant != tenant; });
    return jobs;
  });
}

caf::result<archive_sources> registry_state::read_sources(const job_list& jobs, bool with_said) {
  return guarded<archive_sources>([&]() -> caf::result<archive_sources> {
    archive_sources all;
    for (const auto& job : jobs) {
      try {
        if (auto one = read_source(job, with_said)) all.push_back(std::move(*one));
      } catch (const io::damaged_conversation& e) {  // the others go on
        begin_write();
        store->archives().put(archive::failed(job, e.what(), time_of(job.changed_s)));
      }
    }
    return all;
  });
}

std::optional<archive::archive_source> registry_state::read_source(const archive_job& job, bool with_said) {
  const auto key = archive::conversation_of(job);
  if (!store->archives().find(job.number)) return {};
  archive::archive_source one{{job, {}}, 0, {}};
  if (auto known = store->archives().find_key(key)) {
    one.key = *known;
  } else {
    begin_write();
    one.key = store->archives().keep_key(key, archive::new_key());
  }
  if (!with_said) return one;
  auto said = archive::copy_of(*store, key);
  if (!said) return {};
  one.version = store->find(key)->version;
  one.said = std::move(*said);
  return one;
}

caf::result<bool> registry_state::save_job(const archive_job& job) {
  return guarded<bool>([&]() -> caf::result<bool> {
    begin_write();
    if (!store->archives().put(job)) return false;
    if (is_stored(job))  // the newest one tells where it is
      for (const auto& other : store->archives().jobs_of(archive::conversation_of(job)).jobs)
        if (is_stored(other) && other.number < job.number) store->archives().remove(other.number);
    return true;
  });
}

caf::result<copy_dropped> registry_state::drop_copy(const archive_job& job) {
  return guarded<copy_dropped>([&]() -> caf::result<copy_dropped> {
    const auto key = archive::conversation_of(job);
    held_lease lease{*store, key, clerk};
    if (!lease.take(self->clock().now())) return caf::make_error(ec::busy, "a turn of this conversation is under way");
    const auto wanted = [&](const archive_job& other) {  // it was recalled since, or goes into DNA with more
      return other.number > job.number && (is_recall(other) || !io::is_over(other));
    };
    if (std::ranges::any_of(store->archives().jobs_of(key).jobs, wanted)) return copy_dropped{};
    begin_write();
    auto chunks = store->archives().drop_copy(key);
    if (!chunks) return copy_dropped{};
    return copy_dropped{true, std::move(*chunks)};
  });
}

/// What a conversation's bytes are worth falls with the time that nobody wants them.
caf::result<conversation_refs> registry_state::idle(std::int64_t idle_s, std::uint32_t count_max) {
  return guarded<conversation_refs>([&]() -> caf::result<conversation_refs> {
    const auto since = self->clock().now() - std::chrono::seconds{idle_s};
    if (begun > since) return conversation_refs{};  // what was before nobody knows
    std::erase_if(spoken, [&](const auto& one) { return one.second <= since; });
    auto all = store->unused(looked_at_for_each * count_max + looked_at_more);
    std::erase_if(all, [&](const io::unused_conversation& one) {
      return spoken.contains(one.key) ||
             std::ranges::any_of(store->archives().jobs_of(one.key).jobs, std::not_fn(io::is_over));
    });
    std::ranges::stable_sort(all, std::greater{}, [](const io::unused_conversation& one) {
      return static_cast<double>(one.writes_since) * one.tokens;
    });
    conversation_refs found;
    for (const auto& one : all)
      if (found.size() < count_max) found.push_back({one.key.tenant, one.key.id});
    return found;
  });
}

caf::result<job_list> registry_state::list_archived(std::uint64_t after, std::uint32_t count_max) {
  return guarded<job_list>([&]() -> caf::result<job_list> {
    auto jobs = store->archives().archived(after, count_max).jobs;
    if (jobs.empty() && after > 0) jobs = store->archives().archived(0, count_max).jobs;
    return jobs;
  });
}

caf::result<bool> registry_state::settle_recall(const archive_job& job, const recalled_conversation& what) {
  return guarded<bool>([&]() -> caf::result<bool> {
    if (!store->archives().find(job.number)) return false;
    begin_write();
    archive::put_back(*store, archive::conversation_of(job), clerk, what->said, {}, job.version);
    spoken[archive::conversation_of(job)] = self->clock().now();
    return store->archives().put(job);
  });
}

}  // namespace chromatin

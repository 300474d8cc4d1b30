#include "io/sqlite_archive.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace chromatin::io {
namespace {

using registry_format::checksum;

constexpr std::array state_names{"planned", "ordered", "stored", "asked", "sequencing", "decoded", "settled"};

/// In the order in which `read_job` wants them.
constexpr const char* job_columns =
    "number, tenant, id, state, version, tube, commit_number, synthesis, sequencing, reads, missing, reads_more, "
    "failure, content, changed, reads_last, checksum, kv, note";

std::optional<archive_state> state_of(const std::string& name) {
  const auto found = std::ranges::find(state_names, name);
  if (found == state_names.end()) return {};
  return static_cast<archive_state>(found - state_names.begin());
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> all;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    all.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

/// Nothing where the row is not what was written.
std::optional<archive_job> read_job(const statement& from) try {
  const auto state = state_of(from.text(3));
  if (!state) return {};
  archive_job job{.number = static_cast<std::uint64_t>(from.integer(0)),
                  .tenant = from.text(1),
                  .id = from.text(2),
                  .state = *state,
                  .version = static_cast<std::uint64_t>(from.integer(4)),
                  .tube = from.text(5),
                  .commit = static_cast<std::uint32_t>(from.integer(6)),
                  .synthesis = from.text(7),
                  .sequencing = lines_of(from.text(8)),
                  .reads = static_cast<std::uint64_t>(from.integer(9)),
                  .reads_last = static_cast<std::uint64_t>(from.integer(15)),
                  .missing = list_of<missing_block>(from.blob(10)),
                  .reads_more = static_cast<std::uint64_t>(from.integer(11)),
                  .failure = from.text(12),
                  .content = list_of<std::byte>(from.blob(13)),
                  .changed_s = from.integer(14),
                  .kv = from.integer(17) != 0,
                  .note = from.text(18)};
  if (from.is_null(16) || from.integer(16) != checksum(job)) return {};
  return job;
} catch (const sqlite_error& e) {
  if (!e.damaged) throw;
  return {};
}

/// False where there is no row of its number.
bool write_job(database& db, const archive_job& job) {
  statement set{db,
                "UPDATE archive_jobs SET tenant = ?, id = ?, state = ?, version = ?, tube = ?, commit_number = ?, "
                "synthesis = ?, sequencing = ?, reads = ?, missing = ?, reads_more = ?, failure = ?, content = ?, "
                "changed = ?, reads_last = ?, checksum = ?, kv = ?, note = ? WHERE number = ?"};
  set.bind(job.tenant, job.id, to_string(job.state), static_cast<std::int64_t>(job.version), job.tube,
           std::int64_t{job.commit}, job.synthesis, registry_format::lines(job.sequencing),
           static_cast<std::int64_t>(job.reads), blob_of(job.missing), static_cast<std::int64_t>(job.reads_more),
           job.failure, std::span<const std::byte>{job.content}, job.changed_s,
           static_cast<std::int64_t>(job.reads_last), checksum(job), std::int64_t{job.kv}, job.note,
           static_cast<std::int64_t>(job.number))
      .run();
  statement changed{db, "SELECT changes()"};
  return changed.step() && changed.integer(0) == 1;
}

}  // namespace

const char* to_string(archive_state state) { return state_names.at(static_cast<std::size_t>(state)); }

std::optional<archive_key> sqlite_archive::find_key(const conversation_key& key) {
  statement get{db_, "SELECT name, secret, checksum FROM archive_keys WHERE tenant = ? AND id = ?"};
  if (!get.bind(key.tenant, key.id).step()) return {};
  archive_key found;
  const auto name = get.blob(0);
  std::ranges::copy(name.first(std::min(name.size(), found.name.size())), found.name.begin());
  const auto secret = get.blob(1);
  std::ranges::copy(secret.first(std::min(secret.size(), found.secret.size())), found.secret.begin());
  if (get.is_null(2) || get.integer(2) != checksum(key, found))
    throw damaged_conversation(fmt::format(
        "the key of the conversation {} is damaged in registry.sqlite: without it nothing of its archive can be read; "
        "restore the folder from a copy",
        key.id));
  return found;
}

archive_key sqlite_archive::keep_key(const conversation_key& key, const archive_key& fresh) {
  transaction all{db_};
  if (auto known = find_key(key)) return *known;
  statement{db_, "INSERT INTO archive_keys (tenant, id, name, secret, checksum) VALUES (?, ?, ?, ?, ?)"}
      .bind(key.tenant, key.id, std::span<const std::byte>{fresh.name}, std::span<const std::byte>{fresh.secret},
            checksum(key, fresh))
      .run();
  all.commit();
  return fresh;
}

std::uint64_t sqlite_archive::add(const archive_job& job) {
  transaction all{db_};
  statement{db_,
            "INSERT INTO archive_jobs (tenant, id, state, version, tube, commit_number, synthesis, sequencing, reads, "
            "missing, reads_more, failure, content, changed, checksum) VALUES ('', '', '', 0, '', 0, '', '', 0, x'', "
            "0, '', x'', 0, 0)"}
      .run();
  statement get{db_, "SELECT last_insert_rowid()"};
  get.step();
  auto added = job;
  added.number = static_cast<std::uint64_t>(get.integer(0));
  get.reset();
  write_job(db_, added);
  all.commit();
  return added.number;
}

bool sqlite_archive::put(const archive_job& job) {
  transaction all{db_};
  const bool there = write_job(db_, job);
  all.commit();
  return there;
}

void sqlite_archive::remove(std::uint64_t number) {
  transaction all{db_};
  statement{db_, "DELETE FROM archive_jobs WHERE number = ?"}.bind(static_cast<std::int64_t>(number)).run();
  all.commit();
}

std::optional<archive_job> sqlite_archive::find(std::uint64_t number) {
  statement get{db_, fmt::format("SELECT {} FROM archive_jobs WHERE number = ?", job_columns)};
  if (!get.bind(static_cast<std::int64_t>(number)).step()) return {};
  auto job = read_job(get);
  if (!job)
    throw damaged_conversation(fmt::format(
        "archive job {} is damaged in registry.sqlite: drop it with `chromatin fsck --repair`, and ask again", number));
  return job;
}

archive_job_list sqlite_archive::list(statement& get) {
  archive_job_list all;
  while (get.step()) {
    if (auto job = read_job(get))
      all.jobs.push_back(std::move(*job));
    else
      all.damaged.push_back(static_cast<std::uint64_t>(get.integer(0)));
  }
  return all;
}

archive_job_list sqlite_archive::jobs() {
  statement get{db_, fmt::format("SELECT {} FROM archive_jobs ORDER BY number", job_columns)};
  return list(get);
}

archive_job_list sqlite_archive::archived(std::uint64_t after, std::uint32_t count_max) {
  statement get{
      db_, fmt::format("SELECT {} FROM archive_jobs AS mine WHERE number > ? AND state = 'stored' AND NOT EXISTS "
                       "(SELECT 1 FROM conversations AS here WHERE here.tenant = mine.tenant AND here.id = mine.id) "
                       "AND NOT EXISTS (SELECT 1 FROM archive_jobs AS back WHERE back.tenant = mine.tenant AND "
                       "back.id = mine.id AND back.state IN ('asked', 'sequencing', 'decoded')) ORDER BY number "
                       "LIMIT ?",
                       job_columns)};
  get.bind(static_cast<std::int64_t>(after), std::int64_t{count_max});
  return list(get);
}

archive_job_list sqlite_archive::jobs_of(const conversation_key& key) {
  statement get{db_,
                fmt::format("SELECT {} FROM archive_jobs WHERE tenant = ? AND id = ? ORDER BY number", job_columns)};
  get.bind(key.tenant, key.id);
  return list(get);
}

std::optional<std::vector<kv::chunk_key>> sqlite_archive::drop_copy(const conversation_key& key) {
  transaction all{db_};
  statement get{db_, "SELECT version FROM conversations WHERE tenant = ? AND id = ?"};
  if (!get.bind(key.tenant, key.id).step()) return {};
  const auto version = static_cast<std::uint64_t>(get.integer(0));
  get.reset();
  const auto may_go = [&](const archive_job& job) { return copy_may_go(job, version); };
  if (std::ranges::none_of(jobs_of(key).jobs, may_go)) return {};
  for (auto table : {"conversations", "tokens", "cuts", "messages"})
    statement{db_, fmt::format("DELETE FROM {} WHERE tenant = ? AND id = ?", table)}.bind(key.tenant, key.id).run();
  std::vector<kv::chunk_key> left;
  {
    statement of{db_,
                 "SELECT key FROM chunks AS mine WHERE tenant = ? AND id = ? AND NOT EXISTS (SELECT 1 FROM chunks AS "
                 "other JOIN conversations AS here ON here.tenant = other.tenant AND here.id = other.id WHERE "
                 "other.tenant = mine.tenant AND other.key = mine.key)"};
    of.bind(key.tenant, key.id);
    while (of.step())
      if (auto chunk = list_of<kv::chunk_key>(of.blob(0)); !chunk.empty()) left.push_back(chunk[0]);
  }
  all.commit();
  return left;
}

}  // namespace chromatin::io

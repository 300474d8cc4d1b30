// What a conversation's directory in a tube has: what is new is written, and what was read is opened. A part of the
// keeper.

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "archive/keeper.hpp"
#include "archive/sealed_transcript.hpp"
#include "archive/tube_orders.hpp"
#include "kv/check.hpp"

namespace chromatin::archive {
namespace {

sealer sealer_of(const keyed_job& one) { return {one.key, conversation_of(one.job)}; }

/// A file of a tube; nothing where there is none.
std::optional<byte_string> content_of(const dna::store& tube, const std::string& path) {
  if (!tube.contents().find(path)) return {};
  auto there = tube.contents().get(path);
  if (!there.content) throw dna::partition_error{there.reason};
  return std::move(there.content);
}

byte_string transcript_of(const archive_source& one, const std::optional<byte_string>& before) {
  auto file = before ? sealed_transcript{sealer_of(one), *before} : sealed_transcript{sealer_of(one)};
  if (file.damage()) throw frame_error{to_string(*file.damage())};
  file.append(one.said);
  return file.file();
}

constexpr const char* kv_words = "keys and values";

}  // namespace

void keeper::lasting(const std::function<void()>& what) {
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

std::vector<archive_job> keeper::write(std::span<const archive_source> all, lab_time now) {
  std::map<std::string, std::vector<archive_source>> written;
  std::vector<archive_job> next;
  for (const auto& one : all) {
    next.push_back(one.job);
    try {
      if (!one.refused.empty()) throw frame_error{one.refused};
      write_files(one, next.back());
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
    const auto commit = store.contents().find(transcript_path(all[i].key)).value().commit;
    job = ordered(job, all[i].version, commit, order_name(job.tube, last_order_of({job, all[i].key})), now);
  }
  return next;
}

/// Puts what is new into the conversation's directory, in the tube that has it or in one with room. The job gets that
/// tube's name.
void keeper::write_files(const archive_source& one, archive_job& job) {
  auto& tube = job.tube = tubes_.with(job.tenant, transcript_path(one.key));
  std::vector<dna::new_file> files;
  std::vector<std::optional<byte_string>> before;  // parallel to `files`
  const auto add = [&](const std::string& path, const auto& content_after) {
    before.push_back(tube.empty() ? std::optional<byte_string>{} : content_of(tubes_.at(tube), path));
    files.push_back({path, content_after(before.back())});
  };
  if (job.kv) add(kv_path(one.key), [&](const auto& there) { return kv_of(one, there, job.note); });
  add(transcript_path(one.key), [&](const auto& there) { return transcript_of(one, there); });
  if (tube.empty()) {
    tube = put_new(job.tenant, files);
    return;
  }
  try {
    for (std::size_t i = 0; i < files.size(); ++i) put_or_update(tubes_.at(tube), files[i], before[i]);
  } catch (const dna::partition_full&) {
    tube = put_new(job.tenant, files);  // all of it: what is in the full one counts no more
  }
}

void keeper::put_or_update(dna::store& tube, const dna::new_file& file, const std::optional<byte_string>& before) {
  if (before == file.content) return;
  lasting([&] { before ? tube.update(file.path, file.content) : tube.put(std::vector<dna::new_file>{file}); });
}

/// The file with those chunks that are not in it yet.
byte_string keeper::kv_of(const archive_source& one, const std::optional<byte_string>& before, std::string& note) {
  const auto conversation = conversation_of(one.job);
  auto file = before ? sealed_kv{one.key, conversation, *before} : sealed_kv{one.key, conversation};
  if (file.damage()) throw frame_error{to_string(*file.damage(), kv_words)};
  const auto added = file.append(one.kv, options_.cache);
  if (const auto bytes = file.file().size(); bytes > room_bytes())
    throw frame_error{
        fmt::format("its {} chunks of {} are {} bytes, compressed and sealed, and a partition of the archive has {}: "
                    "archive it without them",
                    one.kv.size(), kv_words, bytes, room_bytes())};
  note =
      fmt::format("{} of {} chunks of {}, {} of them new", one.kv.size(), chunks_of(one.said).size(), kv_words, added);
  return file.file();
}

/// Into the tenant's last tube, or the next one. The last of the files is the transcript.
std::string keeper::put_new(const std::string& tenant, const std::vector<dna::new_file>& files) {
  const auto put = [&](const std::string& tube) {
    lasting([&] { tubes_.at(tube).put(files); });
    return tube;
  };
  if (const auto names = tubes_.of(tenant); !names.empty()) {
    const auto& contents = tubes_.at(names.back()).contents();
    try {
      if (!contents.find(files.back().path)) return put(names.back());
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
  const auto unordered = [&](const archive_source& one) {
    keyed_job there = one;
    there.job.tube = tube;
    return std::ranges::any_of(files_of(there), [&](const auto& path) { return order_with(store, path) == 0; });
  };
  if (std::ranges::any_of(all, unordered)) lasting([&] { store.mark_ordered(); });
}

std::uint32_t keeper::last_order_of(const keyed_job& one) {
  std::uint32_t last = 0;
  for (const auto& path : files_of(one)) last = std::max(last, order_with(tubes_.at(one.job.tube), path));
  return last;
}

std::string keeper::damage_of(const keyed_job& one, const std::string& path, const byte_string& content) const {
  const bool is_kv = path == kv_path(one.key);
  const auto damage = is_kv ? sealed_kv{one.key, conversation_of(one.job), content}.damage()
                            : sealed_transcript{sealer_of(one), content}.damage();
  return damage ? to_string(*damage, is_kv ? kv_words : "transcript") : std::string{};
}

// -- what came back --

/// Until it is opened: it is large, and the reads tell it again.
void keeper::remember_kv(const keyed_job& one, const tube_reading& found) {
  if (kv_read_.size() >= options_.together_max) kv_read_.erase(kv_read_.begin());
  if (auto file = found.found.get(kv_path(one.key)); file.content)
    kv_read_.insert_or_assign(one.job.number, std::move(*file.content));
}

recalled keeper::open(const keyed_job& one, lab_time now) {
  byte_string file;
  for (auto byte : one.job.content) file.push_back(static_cast<std::uint8_t>(byte));
  const sealed_transcript read{sealer_of(one), file};
  if (read.damage()) throw frame_error{to_string(*read.damage())};
  recalled made{read.said().now()};
  if (one.job.kv) open_kv(one, now, made);
  return made;
}

/// What cannot be had of the keys and values is said, and computed again: the conversation comes back all the same.
void keeper::open_kv(const keyed_job& one, lab_time now, recalled& into) try {
  const auto links = chunks_of(into.said);
  into.kv_chunks = links.size();
  if (files_of(one).size() < 2) {
    into.kv_left_out = "none were archived";
    return;
  }
  if (!kv_read_.contains(one.job.number)) remember_kv(one, this->read(one.job, now));
  const auto file = kv_read_.extract(one.job.number);
  const auto content = file.empty() ? byte_string{} : file.mapped();
  const sealed_kv opened{one.key, conversation_of(one.job), content};
  auto taken = opened.take(links, options_.cache);
  into.kv = std::move(taken.chunks);
  std::vector<std::string> why;
  if (opened.damage()) why.push_back(to_string(*opened.damage(), kv_words));
  const auto say = [&](std::size_t count, const char* what) {
    if (count > 0) why.push_back(fmt::format("{} {}", count, what));
  };
  say(taken.absent, "not archived");
  say(taken.of_others, "of another model");
  say(taken.not_as_kept, "with bytes that do not match their checksums");
  into.kv_left_out = fmt::format("{}", fmt::join(why, ", "));
} catch (const std::runtime_error& e) {
  into.kv_left_out = e.what();
}

}  // namespace chromatin::archive

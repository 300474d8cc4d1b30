/// The catalogue and the chunks that it names. What is damaged is a miss for a server, so it is dropped.

#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "io/catalog_format.hpp"
#include "io/fsck/parts.hpp"
#include "io/fsck/wal.hpp"
#include "kv/page.hpp"

namespace chromatin::io::fsck {
namespace {

using catalog_format::hash_of;
using catalog_format::meta;

constexpr auto catalog = "catalog.sqlite";

/// Slots that the segment files have room for.
std::uint32_t slots_in(const cache_part& c, std::uint64_t chunk_bytes, std::uint32_t per_segment) {
  std::uint64_t slots = 0;
  for (std::uint32_t i = 0;; ++i) {
    std::error_code none;
    auto bytes = std::filesystem::file_size(segment_name(c.folder, i), none);
    if (none) break;
    slots = std::uint64_t{i} * per_segment + std::min<std::uint64_t>(bytes / chunk_bytes, per_segment);
  }
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(slots, ~std::uint32_t{0}));
}

/// Throws sqlite_error for damage.
void read_description(run& r, cache_part& c, database& db) {
  auto where = c.prefix + catalog;
  auto format = catalog_format::number_of("format", meta(db, "format"));
  if (format > catalog_format::version)
    return r.damage(where, fmt::format("its format {} is not known: a newer chromatin made it, or it is damaged; "
                                       "nothing in it was looked at",
                                       format));
  if (format < catalog_format::version)
    return r.note(where, fmt::format("an older chromatin made it (format {}): a server drops its chunks", format));
  catalog_format::description d{meta(db, "model"), meta(db, "geometry"), meta(db, "segment_slots")};
  auto sum = meta(db, "checksum");
  auto shape = catalog_format::geometry_of(d.geometry);
  auto model = hash_of(d.model);
  auto per_segment = catalog_format::number_of("segment_slots", d.segment_slots);
  if (!shape || !model || (!sum.empty() && sum != catalog_format::checksum(d)))
    throw sqlite_error("what it says of model and geometry is not what was written", true);
  c.model = model;
  auto chunk_bytes = shape->chunk_bytes();
  c.places = chunk_places{*shape, {chunk_bytes, per_segment, slots_in(c, chunk_bytes, per_segment)}};
}

void put_catalog_aside(run& r, cache_part& c, const std::string& why) {
  c.places.reset();
  c.model.reset();
  std::string repair;
  auto where = c.prefix + catalog;
  if (r.repairs(where)) repair = fmt::format("kept as {}; the cache starts empty", put_aside(c.folder, catalog));
  r.damage(where, why, repair);
}

/// The chunks of a sound catalogue, one after the other.
class chunk_check {
 public:
  chunk_check(run& r, const cache_part& c, database& db) : r_{r}, cache_{c}, db_{db}, at_{*c.places} {}

  void operator()() {
    drop_impossible();
    std::uint64_t all = 0, done = 0;
    {
      statement count{db_, "SELECT count(*) FROM chunks"};
      if (count.step()) all = static_cast<std::uint64_t>(count.integer(0));
    }
    auto rows = of_rows("SELECT slot, fill, key, checksums FROM chunks", true);
    while (rows.step()) {
      auto number = [&](int column) { return static_cast<std::uint32_t>(rows.integer(column)); };
      look_at(
          {list_of<kv::chunk_key>(rows.blob(2)).at(0), number(0), 0, number(1), list_of<std::uint64_t>(rows.blob(3))});
      r_.progress("chunks", ++done, all);
    }
    rows.reset();
    drop(damaged_);
    if (!nameless_.empty()) {
      auto nameless = cache_.prefix + "catalog.sqlite, named by nobody";
      bool drops = r_.repairs(nameless);
      r_.note(nameless,
              fmt::format("{} chunks that no conversation names: what a crash or a full disk left behind",
                          nameless_.size()),
              drops ? "dropped" : "");
      if (drops) drop(nameless_);
    }
  }

 private:
  statement of_rows(const char* verb, bool possible) {
    return catalog_format::rows(db_, verb, possible, at_.shape, at_.layout.slots);
  }

  void drop_impossible() {
    auto rows = of_rows("SELECT count(*) FROM chunks", false);
    auto count = rows.step() ? rows.integer(0) : 0;
    rows.reset();
    if (count == 0) return;
    auto impossible = cache_.prefix + "catalog.sqlite, table chunks";
    if (r_.repairs(impossible)) of_rows("DELETE FROM chunks", false).run();
    r_.damage(impossible, fmt::format("{} chunks have impossible values, or stand beyond the segment files", count),
              r_.repairs(impossible) ? "dropped" : "");
  }

  void look_at(const stored_chunk& row) {
    ++r_.found.chunks;
    auto where = at_.layout.at(row.slot);
    if (auto wrong = read_wrong(row, where); !wrong.empty()) {
      auto name = fmt::format("chunk {} in {}segment-{:04}.kv at {}", kv::to_string(row.key), cache_.prefix,
                              where.segment, where.offset_bytes);
      bool drops = r_.repairs(name);
      r_.damage(name, wrong, drops ? "dropped: it is computed again when it is wanted" : "");
      if (drops) damaged_.push_back(row.key);
    } else if (r_.named && !r_.named->contains(row.key)) {
      nameless_.push_back(row.key);
    }
  }

  /// What is wrong with a chunk's bytes; empty if nothing.
  std::string read_wrong(const stored_chunk& row, extent where) {
    if (where.segment != segment_ || fd_.get() < 0) {
      segment_ = where.segment;
      fd_ = file_descriptor{::open(segment_name(cache_.folder, segment_).c_str(), O_RDONLY | O_CLOEXEC)};
      if (fd_.get() >= 0) ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    for (std::uint32_t layer = 0; layer < at_.shape.layers; ++layer) {
      auto slice = at_.shape.packed(layer, row.fill);
      auto bytes = memory_.bytes().first(slice.bytes);
      auto got =
          ::pread(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(where.offset_bytes + slice.offset_bytes));
      if (got < 0) return fmt::format("it cannot be read: {}", std::strerror(errno));
      if (static_cast<std::size_t>(got) != bytes.size()) return "it ends before its end";
      r_.found.chunk_bytes += got;
      if (kv::checksum(bytes) != row.checksums[layer]) return "its bytes do not match their checksum";
    }
    return {};
  }

  void drop(const std::vector<kv::chunk_key>& keys) {
    if (keys.empty()) return;
    transaction all{db_};
    statement remove{db_, "DELETE FROM chunks WHERE key = ?"};
    for (const auto& key : keys) remove.bind(blob_of(key)).run();
    all.commit();
  }

  run& r_;
  const cache_part& cache_;
  database& db_;
  const chunk_places& at_;
  kv::memory_block memory_ = kv::plain_memory(at_.shape.slice(0).bytes);
  std::uint32_t segment_ = 0;
  file_descriptor fd_;
  std::vector<kv::chunk_key> damaged_, nameless_;
};

void check_description(run& r, cache_part& c) {
  auto file = c.folder / catalog;
  auto log = c.prefix + catalog + "-wal";
  if (auto wrong = damage_in_log(file.string() + "-wal"); !wrong.empty())
    r.damage(log, wrong, r.repairs(log) ? "what stands before it is kept" : "");
  r.progress("the catalogue", 0, 1);
  std::string why;
  try {
    database db{file, open_mode::look};
    auto lines = structural_damage(db);
    if (lines.empty()) return read_description(r, c, db);
    why = lines.front();
  } catch (const sqlite_error& e) {
    if (!e.damaged) throw;
    why = e.what();
  }
  put_catalog_aside(r, c, why);
}

void check_catalog(run& r, cache_part& c) {
  if (!c.places) return;
  std::string why;
  try {
    database db{c.folder / catalog, r.writes() ? open_mode::make : open_mode::look};
    return chunk_check{r, c, db}();
  } catch (const sqlite_error& e) {
    if (!e.damaged) throw;
    why = e.what();
  }
  put_catalog_aside(r, c, why);
}

}  // namespace

void check_descriptions(run& r) {
  for (const auto& folder : cache_folders(r.wanted.folder)) {
    if (std::error_code none; !std::filesystem::exists(folder / catalog, none)) continue;
    auto prefix = folder == r.wanted.folder ? std::string{} : folder.filename().string() + "/";
    r.caches.push_back({folder, prefix, {}, {}});
    check_description(r, r.caches.back());
  }
  if (r.caches.empty()) r.note(catalog, "is not there: no chunk is kept");
}

void check_catalogs(run& r) {
  for (auto& cache : r.caches) check_catalog(r, cache);
}

}  // namespace chromatin::io::fsck

#include "io/chunk_store.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace chromatin::io {
namespace {

/// 1: whole chunks, checksums over whole slices. 2: packed chunks, checksums of pieces.
constexpr std::uint32_t format_version = 2;
constexpr std::uint64_t segment_bytes = 256ull << 20;
constexpr std::uint64_t segments_wanted = 256;
constexpr std::uint64_t slots_max = ~std::uint32_t{0};
/// No server counts so far; a larger count is damage, and counting on from it would overflow.
constexpr std::int64_t use_max = std::int64_t{1} << 62;

std::string describe(const kv::geometry& g) {
  return fmt::format("{} layers, {} key-value heads of {}, {}", g.layers, g.kv_heads, g.head_dim,
                     g.type == kv::dtype::f32 ? "f32" : "bf16");
}

/// A whole number in the catalogue; anything else is damage.
std::uint32_t number_of(const std::string& name, const std::string& text) {
  std::uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0)
    throw sqlite_error(fmt::format("the catalogue's {} is impossible: {}", name, text), true);
  return value;
}

}  // namespace

slot_layout slot_layout::of(std::uint64_t bytes_max, std::uint64_t chunk_bytes) {
  auto segment = std::max(segment_bytes, (bytes_max + segments_wanted - 1) / segments_wanted);
  slot_layout l{chunk_bytes, 0, 0};
  l.slots = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes_max / chunk_bytes, slots_max));
  l.slots_per_segment = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(segment / chunk_bytes, 1, slots_max));
  return l;
}

extent slot_layout::at(std::uint32_t slot, std::uint64_t offset_bytes) const {
  return {slot / slots_per_segment, slot % slots_per_segment * chunk_bytes + offset_bytes};
}

std::vector<std::uint64_t> slot_layout::segment_sizes_bytes() const {
  std::vector<std::uint64_t> sizes;
  for (std::uint32_t left = slots; left > 0; left -= std::min(left, slots_per_segment))
    sizes.push_back(std::min(left, slots_per_segment) * chunk_bytes);
  return sizes;
}

chunk_store::chunk_store(const chunk_store_options& options)
    : options_{options}, layout_{slot_layout::of(options.bytes_max, options.geometry.chunk_bytes())} {
  if (layout_.slots == 0)
    throw open_error(
        fmt::format("--disk-size {} has no room for one chunk of {} bytes", options.bytes_max, layout_.chunk_bytes));
  std::error_code error;
  std::filesystem::create_directories(options_.folder, error);
  if (error) throw open_error(fmt::format("{}: {}", options_.folder.string(), error.message()));
  lock_folder();
  open_or_put_aside();
}

chunk_store::~chunk_store() = default;

void chunk_store::lock_folder() {
  auto file = options_.folder / "lock";
  lock_ = file_descriptor{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (lock_.get() < 0) throw open_error(fmt::format("{}: {}", file.string(), std::strerror(errno)));
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    char owner[32] = {};
    [[maybe_unused]] auto got = ::pread(lock_.get(), owner, sizeof owner - 1, 0);
    throw open_error(
        fmt::format("{} is in use by process {}; stop it or choose another --disk", options_.folder.string(), owner));
  }
  auto pid = std::to_string(::getpid());
  if (::ftruncate(lock_.get(), 0) != 0 || ::pwrite(lock_.get(), pid.data(), pid.size(), 0) < 0)
    throw open_error(fmt::format("{}: {}", file.string(), std::strerror(errno)));
}

void chunk_store::open_or_put_aside() {
  auto folder = options_.folder.string();
  try {
    try {
      open_catalog();
    } catch (const sqlite_error& e) {
      if (!e.damaged) throw;
      put_aside();
    }
  } catch (const sqlite_error& e) {
    throw open_error(fmt::format("{}: {}", folder, e.what()));
  }
}

void chunk_store::put_aside() {
  db_.reset();
  std::error_code ignored;
  for (auto name : {"catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"})
    std::filesystem::rename(options_.folder / name, options_.folder / (std::string{name} + ".damaged"), ignored);
  notices_.push_back(
      fmt::format("{}: the catalogue was damaged; it is kept as catalog.sqlite.damaged, the cache starts empty",
                  options_.folder.string()));
  open_catalog();
}

void chunk_store::open_catalog() {
  db_ = std::make_unique<database>(options_.folder / "catalog.sqlite");
  statement check{*db_, "PRAGMA integrity_check(1)"};
  if (check.step() && check.text(0) != "ok") throw sqlite_error("the catalogue: " + check.text(0), true);
  check.reset();
  db_->execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
  transaction all{*db_};
  check_meta();
  db_->execute(
      "CREATE TABLE IF NOT EXISTS chunks (key BLOB PRIMARY KEY, slot INTEGER NOT NULL UNIQUE, depth INTEGER NOT NULL, "
      "fill INTEGER NOT NULL, checksums BLOB NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID");
  all.commit();
}

std::string chunk_store::meta(const char* name, const std::string& if_new) {
  statement add{*db_, "INSERT OR IGNORE INTO meta VALUES (?, ?)"};
  add.bind(std::string_view{name}, if_new).run();
  statement get{*db_, "SELECT value FROM meta WHERE name = ?"};
  get.bind(std::string_view{name}).step();
  return get.text(0);
}

void chunk_store::check_meta() {
  auto folder = options_.folder.string();
  auto version = number_of("format", meta("format", std::to_string(format_version)));
  if (version > format_version)
    throw open_error(
        fmt::format("{}: made by a newer chromatin (format {}, this one knows {}); use that one or another --disk",
                    folder, version, format_version));
  auto model = kv::to_string(options_.model);
  if (auto theirs = meta("model", model); theirs != model)
    throw open_error(fmt::format("{}: holds the cache of another model ({}, this one is {}); choose another --disk",
                                 folder, theirs, model));
  auto shape = describe(options_.geometry);
  if (auto theirs = meta("geometry", shape); theirs != shape)
    throw open_error(
        fmt::format("{}: holds chunks of {}, this model has {}; choose another --disk", folder, theirs, shape));
  if (version < format_version) {  // only now, since another model's chunks are not ours to drop
    db_->execute("DROP TABLE IF EXISTS chunks");
    statement{*db_, "UPDATE meta SET value = ? WHERE name = 'format'"}.bind(std::to_string(format_version)).run();
    notices_.push_back(
        fmt::format("{}: made by an older chromatin (format {}); its cached chunks are dropped, conversations stay",
                    folder, version));
  }
  layout_.slots_per_segment =
      number_of("segment_slots", meta("segment_slots", std::to_string(layout_.slots_per_segment)));
}

std::vector<stored_chunk> chunk_store::load() {
  try {
    return read_rows();
  } catch (const sqlite_error& e) {
    if (!e.damaged) throw;
    put_aside();
    return {};
  }
}

std::vector<stored_chunk> chunk_store::read_rows() {
  transaction all{*db_};
  statement drop_impossible{
      *db_,
      "DELETE FROM chunks WHERE NOT (typeof(key) = 'blob' AND length(key) = ? AND typeof(checksums) = 'blob' AND "
      "length(checksums) = ? AND typeof(slot) = 'integer' AND slot BETWEEN 0 AND ? AND typeof(depth) = 'integer' AND "
      "depth BETWEEN 0 AND 4294967295 AND typeof(fill) = 'integer' AND fill BETWEEN 1 AND ? AND "
      "typeof(used) = 'integer' AND used BETWEEN 0 AND ?)"};
  drop_impossible
      .bind(std::int64_t{sizeof(kv::chunk_key)},
            static_cast<std::int64_t>(options_.geometry.layers * sizeof(std::uint64_t)),
            std::int64_t{layout_.slots} - 1, std::int64_t{kv::tokens_per_chunk}, use_max)
      .run();
  statement dropped{*db_, "SELECT changes()"};
  if (dropped.step() && dropped.integer(0) > 0)
    notices_.push_back(fmt::format("{}: {} chunks outside the store's size or with impossible values were dropped",
                                   options_.folder.string(), dropped.integer(0)));
  std::vector<stored_chunk> chunks;
  statement rows{*db_, "SELECT key, slot, depth, fill, checksums, used FROM chunks ORDER BY used, depth DESC"};
  while (rows.step()) {
    auto number = [&](int column) { return static_cast<std::uint32_t>(rows.integer(column)); };
    chunks.push_back({list_of<kv::chunk_key>(rows.blob(0)).at(0), number(1), number(2), number(3),
                      list_of<std::uint64_t>(rows.blob(4))});
    use_ = rows.integer(5);
  }
  dropped.reset();
  rows.reset();
  all.commit();
  return chunks;
}

void chunk_store::commit(const catalog_change& change) {
  try {
    transaction all{*db_};
    statement remove{*db_, "DELETE FROM chunks WHERE key = ?"};
    for (const auto& key : change.removed) remove.bind(blob_of(key)).run();
    statement add{*db_, "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?)"};
    for (const auto& c : change.added)
      add.bind(blob_of(c.key), std::int64_t{c.slot}, std::int64_t{c.depth}, std::int64_t{c.fill}, blob_of(c.checksums),
               ++use_)
          .run();
    statement touch{*db_, "UPDATE chunks SET used = ? WHERE key = ?"};
    for (const auto& key : change.used) touch.bind(++use_, blob_of(key)).run();
    all.commit();
  } catch (const sqlite_error& e) {
    if (e.damaged) put_aside();
    throw;
  }
}

}  // namespace chromatin::io

#include "io/chunk_store.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace chromatin::io {
namespace {

constexpr std::int64_t format_version = 1;
constexpr std::uint64_t segment_bytes_max = 256ull << 20;

std::string describe(const kv::geometry& g) {
  return fmt::format("{} layers, {} key-value heads of {}, {}", g.layers, g.kv_heads, g.head_dim,
                     g.type == kv::dtype::f32 ? "f32" : "bf16");
}

}  // namespace

slot_layout slot_layout::of(std::uint64_t bytes_max, std::uint64_t chunk_bytes) {
  slot_layout l{chunk_bytes, 0, 0};
  l.slots_per_segment = static_cast<std::uint32_t>(std::max<std::uint64_t>(1, segment_bytes_max / chunk_bytes));
  l.slots = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes_max / chunk_bytes, ~std::uint32_t{0}));
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
  try {
    open_catalog();
  } catch (const sqlite_error& e) {
    if (!e.damaged) throw open_error(fmt::format("{}: {}", options_.folder.string(), e.what()));
    db_.reset();
    for (auto name : {"catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"})
      std::filesystem::rename(options_.folder / name, options_.folder / (std::string{name} + ".damaged"), error);
    notices_.push_back(
        fmt::format("{}: the catalogue was damaged; it is kept as catalog.sqlite.damaged, the cache starts empty",
                    options_.folder.string()));
    open_catalog();
  }
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

void chunk_store::open_catalog() {
  db_ = std::make_unique<database>(options_.folder / "catalog.sqlite");
  db_->execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
  check_meta();
  db_->execute(
      "CREATE TABLE IF NOT EXISTS chunks (key BLOB PRIMARY KEY, slot INTEGER NOT NULL UNIQUE, depth INTEGER NOT NULL, "
      "fill INTEGER NOT NULL, checksums BLOB NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID");
  statement last{*db_, "SELECT coalesce(max(used), 0) FROM chunks"};
  if (last.step()) use_ = last.integer(0);
}

void chunk_store::check_meta() {
  auto ours = [&](std::string_view name, const std::string& value) -> std::string {
    statement add{*db_, "INSERT OR IGNORE INTO meta VALUES (?, ?)"};
    add.bind(name, value).run();
    statement get{*db_, "SELECT value FROM meta WHERE name = ?"};
    get.bind(name).step();
    return get.text(0);
  };
  auto folder = options_.folder.string();
  auto version = ours("format", std::to_string(format_version));
  if (version != std::to_string(format_version))
    throw open_error(
        fmt::format("{}: made by a newer chromatin (format {}, this one knows {}); use that one or another --disk",
                    folder, version, format_version));
  auto model = kv::to_string(options_.model);
  if (auto theirs = ours("model", model); theirs != model)
    throw open_error(fmt::format("{}: holds the cache of another model ({}, this one is {}); choose another --disk",
                                 folder, theirs, model));
  auto shape = describe(options_.geometry);
  if (auto theirs = ours("geometry", shape); theirs != shape)
    throw open_error(
        fmt::format("{}: holds chunks of {}, this model has {}; choose another --disk", folder, theirs, shape));
}

std::vector<stored_chunk> chunk_store::load() {
  std::vector<stored_chunk> chunks;
  std::vector<kv::chunk_key> impossible;
  std::set<std::uint32_t> taken;
  statement rows{*db_, "SELECT key, slot, depth, fill, checksums FROM chunks ORDER BY used, depth DESC"};
  while (rows.step()) {
    auto keys = list_of<kv::chunk_key>(rows.blob(0));
    if (keys.size() != 1) throw sqlite_error("a key in the catalogue has an impossible length", true);
    stored_chunk c{keys[0], static_cast<std::uint32_t>(rows.integer(1)), static_cast<std::uint32_t>(rows.integer(2)),
                   static_cast<std::uint32_t>(rows.integer(3)), list_of<std::uint64_t>(rows.blob(4))};
    bool sound = rows.integer(1) >= 0 && rows.integer(1) < layout_.slots && c.fill >= 1 &&
                 c.fill <= kv::tokens_per_chunk && c.checksums.size() == options_.geometry.layers &&
                 taken.insert(c.slot).second;
    if (sound)
      chunks.push_back(std::move(c));
    else
      impossible.push_back(c.key);
  }
  if (!impossible.empty()) {
    notices_.push_back(fmt::format("{}: {} chunks outside the store's size or with impossible values were dropped",
                                   options_.folder.string(), impossible.size()));
    commit({}, impossible, {});
  }
  return chunks;
}

void chunk_store::commit(const std::vector<stored_chunk>& added, const std::vector<kv::chunk_key>& removed,
                         const std::vector<kv::chunk_key>& used) {
  transaction all{*db_};
  statement remove{*db_, "DELETE FROM chunks WHERE key = ?"};
  for (const auto& key : removed) remove.bind(blob_of(key)).run();
  statement add{*db_, "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?)"};
  for (const auto& c : added)
    add.bind(blob_of(c.key), std::int64_t{c.slot}, std::int64_t{c.depth}, std::int64_t{c.fill}, blob_of(c.checksums),
             ++use_)
        .run();
  statement touch{*db_, "UPDATE chunks SET used = ? WHERE key = ?"};
  for (const auto& key : used) touch.bind(++use_, blob_of(key)).run();
  all.commit();
}

}  // namespace chromatin::io

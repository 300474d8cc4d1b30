#include "io/chunk_store.hpp"

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "io/cache_folders.hpp"
#include "io/catalog_format.hpp"

namespace chromatin::io {
namespace {

using catalog_format::number_of;

constexpr std::uint64_t segment_bytes = 256ull << 20;
constexpr std::uint64_t segments_wanted = 256;
constexpr std::uint64_t slots_max = ~std::uint32_t{0};

std::string learned_by(const std::string& policy) { return "learned by " + policy; }

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
  make_private_folder(options_.folder);
  lock_.emplace(options_.folder);
  find_folder();
  open_or_put_aside();
}

chunk_store::~chunk_store() = default;

void chunk_store::find_folder() try {
  folder_ = cache_folder(options_.folder, options_.model);
  make_private_folder(folder_);
} catch (const sqlite_error& e) {
  throw open_error(fmt::format("{}: {}", options_.folder.string(), e.what()));
}

void chunk_store::open_or_put_aside() {
  auto folder = folder_.string();
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
  auto kept_as = io::put_aside(folder_, "catalog.sqlite");
  notices_.push_back(fmt::format("{}: the catalogue was damaged; it is kept as {}, the cache starts empty",
                                 folder_.string(), kept_as));
  open_catalog();
}

void chunk_store::open_catalog() {
  auto file = folder_ / "catalog.sqlite";
  db_ = std::make_unique<database>(file);
  auto doubtful = [this] {
    try {
      return !structural_damage(*db_, 1).empty();
    } catch (const sqlite_error&) {
      return true;
    }
  };
  if (doubtful()) {
    db_ = std::make_unique<database>(file);
    if (auto again = structural_damage(*db_, 1); !again.empty())
      throw sqlite_error("the catalogue: " + again.front(), true);
  }
  db_->execute(catalog_format::meta_table);
  transaction all{*db_};
  check_meta();
  db_->execute(catalog_format::chunks_table);
  all.commit();
}

std::string chunk_store::meta(const char* name, const std::string& if_new) {
  statement add{*db_, "INSERT OR IGNORE INTO meta VALUES (?, ?)"};
  add.bind(std::string_view{name}, if_new).run();
  statement get{*db_, "SELECT value FROM meta WHERE name = ?"};
  get.bind(std::string_view{name}).step();
  return get.text(0);
}

void chunk_store::set_meta(const char* name, const std::string& value) {
  statement{*db_, "INSERT OR REPLACE INTO meta VALUES (?, ?)"}.bind(name, value).run();
}

void chunk_store::check_meta() {
  auto folder = folder_.string();
  constexpr auto format_version = catalog_format::version;
  auto version = number_of("format", meta("format", std::to_string(format_version)));
  if (version > format_version)
    throw open_error(
        fmt::format("{}: made by a newer chromatin (format {}, this one knows {}); use that one or another --disk",
                    folder, version, format_version));
  auto model = kv::to_string(options_.model), shape = catalog_format::to_words(options_.geometry);
  catalog_format::description stored{meta("model", model), meta("geometry", shape),
                                     meta("segment_slots", std::to_string(layout_.slots_per_segment))};
  if (auto sum = catalog_format::checksum(stored); meta("checksum", sum) != sum)
    throw sqlite_error("the catalogue's description is not what was written", true);
  if (auto theirs = stored.model; theirs != model)
    throw open_error(fmt::format("{}: holds the cache of another model ({}, this one is {}); choose another --disk",
                                 folder, theirs, model));
  if (auto theirs = stored.geometry; theirs != shape)
    throw open_error(
        fmt::format("{}: holds chunks of {}, this model has {}; choose another --disk", folder, theirs, shape));
  if (version < format_version) {  // only now, since chunks of another shape are not ours to drop
    db_->execute("DROP TABLE IF EXISTS chunks");
    set_meta("format", std::to_string(format_version));
    notices_.push_back(
        fmt::format("{}: made by an older chromatin (format {}); its cached chunks are dropped, conversations stay",
                    folder, version));
  }
  layout_.slots_per_segment = number_of("segment_slots", stored.segment_slots);
  if (!options_.name.empty()) set_meta("name", options_.name);
  if (options_.served_s > 0) set_meta("served", std::to_string(options_.served_s));
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

std::vector<std::byte> chunk_store::learned(const std::string& policy) try {
  statement get{*db_, "SELECT value FROM meta WHERE name = ?"};
  if (!get.bind(learned_by(policy)).step()) return {};
  return list_of<std::byte>(get.blob(0));
} catch (const sqlite_error&) {
  return {};  // it is learned again
}

std::vector<stored_chunk> chunk_store::read_rows() {
  transaction all{*db_};
  catalog_format::rows(*db_, "DELETE FROM chunks", false, options_.geometry, layout_.slots).run();
  statement dropped{*db_, "SELECT changes()"};
  if (dropped.step() && dropped.integer(0) > 0)
    notices_.push_back(fmt::format("{}: {} chunks outside the store's size or with impossible values were dropped",
                                   folder_.string(), dropped.integer(0)));
  std::vector<stored_chunk> chunks;
  std::unordered_set<std::uint32_t> slots;
  std::unordered_set<kv::chunk_key> keys;
  statement rows{*db_, "SELECT key, slot, depth, fill, checksums, used FROM chunks ORDER BY used, depth DESC"};
  while (rows.step()) {
    auto number = [&](int column) { return static_cast<std::uint32_t>(rows.integer(column)); };
    chunks.push_back({list_of<kv::chunk_key>(rows.blob(0)).at(0), number(1), number(2), number(3),
                      list_of<std::uint64_t>(rows.blob(4))});
    if (!slots.insert(chunks.back().slot).second || !keys.insert(chunks.back().key).second)
      throw sqlite_error("the catalogue has a slot or a chunk twice", true);
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
    statement keep{*db_, "INSERT OR REPLACE INTO meta VALUES (?, ?)"};
    if (change.learned) keep.bind(learned_by(change.learned->name), blob_of(change.learned->bytes)).run();
    all.commit();
  } catch (const sqlite_error& e) {
    if (e.damaged) put_aside();
    throw;
  }
}

}  // namespace chromatin::io

#include "io/cache_folders.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "io/catalog_format.hpp"
#include "io/segments.hpp"

namespace chromatin::io {
namespace {

constexpr auto catalog = "catalog.sqlite";
constexpr std::string_view folder_prefix = "cache-";
constexpr std::int64_t last_time_s = 253'402'300'799;  // of the year 9999
constexpr std::size_t folder_digits = 16, id_digits = 8;

bool has_catalog(const std::filesystem::path& folder) {
  std::error_code none;
  return std::filesystem::exists(folder / catalog, none);
}

/// What a catalogue says of itself.
struct description {
  model_cache cache;
  kv::geometry shape;
  std::uint32_t slots_per_segment = 0;
  bool readable = false;  ///< it has this program's format
};

std::uint64_t bytes_of_segments(const std::filesystem::path& folder) {
  constexpr std::uint64_t block_bytes = 512;  // of struct stat, whatever the file system has
  std::uint64_t bytes = 0;
  struct stat status {};
  for (std::size_t i = 0; ::stat(segment_name(folder, i).c_str(), &status) == 0; ++i)
    bytes += static_cast<std::uint64_t>(status.st_blocks) * block_bytes;
  return bytes;
}

std::int64_t count_chunks(database& db) {
  statement count{db, "SELECT count(*) FROM chunks"};
  return count.step() ? count.integer(0) : 0;
}

/// Nothing where the catalogue is damaged; its owner's server puts it aside.
std::optional<description> describe(const std::filesystem::path& folder) try {
  database db{folder / catalog, open_mode::look};
  catalog_format::description words{catalog_format::meta(db, "model"), catalog_format::meta(db, "geometry"),
                                    catalog_format::meta(db, "segment_slots")};
  auto sum = catalog_format::meta(db, "checksum");
  auto shape = catalog_format::geometry_of(words.geometry);
  auto model = catalog_format::hash_of(words.model);
  if (!shape || !model || (!sum.empty() && sum != catalog_format::checksum(words))) return {};
  description found{.cache = {.folder = folder, .model = *model, .name = catalog_format::meta(db, "name")},
                    .shape = *shape};
  auto served = catalog_format::meta(db, "served");
  std::from_chars(served.data(), served.data() + served.size(), found.cache.served_s);
  if (found.cache.served_s < 0 || found.cache.served_s > last_time_s) found.cache.served_s = 0;
  found.cache.bytes = bytes_of_segments(folder);
  if (catalog_format::meta(db, "format") != std::to_string(catalog_format::version)) return found;
  found.slots_per_segment = catalog_format::number_of("segment_slots", words.segment_slots);
  found.cache.chunks = count_chunks(db);
  found.readable = true;
  return found;
} catch (const sqlite_error& e) {
  if (!e.damaged) throw;
  return {};
}

/// The bytes [begin, end) of a segment are not wanted any more. A file system that cannot take them back keeps them.
void punch(const file_descriptor& segment, std::uint64_t begin, std::uint64_t end) {
  if (segment.get() < 0 || begin >= end) return;
  [[maybe_unused]] int kept = ::fallocate(segment.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                          static_cast<off_t>(begin), static_cast<off_t>(end - begin));
}

file_descriptor open_segment(const std::filesystem::path& folder, std::size_t number) {
  return file_descriptor{::open(segment_name(folder, number).c_str(), O_RDWR | O_CLOEXEC)};
}

}  // namespace

std::string model_cache::id() const { return kv::to_string(model).substr(0, id_digits); }

std::string model_cache::shown() const {
  std::string plain;
  for (auto c : name) plain += static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? '?' : c;
  return fmt::format("{} ({})", plain.empty() ? "a model" : plain, id());
}

bool is_cache_folder(const std::string& name) {
  return name.size() == folder_prefix.size() + folder_digits && name.starts_with(folder_prefix) &&
         name.find_first_not_of("0123456789abcdef", folder_prefix.size()) == std::string::npos;
}

std::vector<std::filesystem::path> cache_folders(const std::filesystem::path& store) {
  std::vector<std::filesystem::path> beside;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(store, none))
    if (entry.is_directory(none) && is_cache_folder(entry.path().filename().string())) beside.push_back(entry.path());
  std::ranges::sort(beside);
  beside.insert(beside.begin(), store);
  return beside;
}

std::vector<model_cache> caches_in(const std::filesystem::path& store) {
  std::vector<model_cache> all;
  for (const auto& folder : cache_folders(store))
    if (has_catalog(folder))
      if (auto found = describe(folder)) all.push_back(std::move(found->cache));
  return all;
}

std::filesystem::path cache_folder(const std::filesystem::path& store, kv::fingerprint model) {
  auto beside = store / (std::string{folder_prefix} + kv::to_string(model).substr(0, folder_digits));
  if (has_catalog(beside)) return beside;
  if (!has_catalog(store)) return store;
  auto first = describe(store);
  return !first || first->cache.model == model ? store : beside;
}

std::uint64_t give_back_room(const model_cache& cache) {
  auto known = describe(cache.folder);
  if (!known || !known->readable) return cache.bytes;
  const auto chunk_bytes = known->shape.chunk_bytes();
  database db{cache.folder / catalog, open_mode::look};
  statement used{db, "SELECT slot FROM chunks WHERE typeof(slot) = 'integer' AND slot >= 0 ORDER BY slot"};
  bool more = used.step();
  for (std::uint64_t number = 0;; ++number) {
    auto segment = open_segment(cache.folder, number);
    struct stat status {};
    if (segment.get() < 0 || ::fstat(segment.get(), &status) != 0) return bytes_of_segments(cache.folder);
    const auto first = number * known->slots_per_segment;
    std::uint64_t free_from = 0;
    for (; more && static_cast<std::uint64_t>(used.integer(0)) < first + known->slots_per_segment; more = used.step()) {
      auto at = (static_cast<std::uint64_t>(used.integer(0)) - first) * chunk_bytes;
      punch(segment, free_from, at);
      free_from = at + chunk_bytes;
    }
    punch(segment, free_from, static_cast<std::uint64_t>(status.st_size));
  }
}

void erase_chunks(const model_cache& cache, std::span<const kv::chunk_key> keys) {
  auto known = describe(cache.folder);
  if (!known || !known->readable) return;
  std::vector<std::pair<kv::chunk_key, std::uint64_t>> found;
  {
    database db{cache.folder / catalog, open_mode::look};
    statement find{db, "SELECT slot FROM chunks WHERE key = ?"};
    for (const auto& key : keys)
      if (find.bind(blob_of(key)).step()) found.emplace_back(key, static_cast<std::uint64_t>(find.integer(0)));
  }
  if (found.empty()) return;
  database db{cache.folder / catalog};
  transaction all{db};
  statement remove{db, "DELETE FROM chunks WHERE key = ?"};
  for (const auto& [key, slot] : found) remove.bind(blob_of(key)).run();
  all.commit();
  const auto chunk_bytes = known->shape.chunk_bytes();
  for (const auto& [key, slot] : found) {
    auto at = slot % known->slots_per_segment * chunk_bytes;
    punch(open_segment(cache.folder, slot / known->slots_per_segment), at, at + chunk_bytes);
  }
}

void drop_cache(const model_cache& cache) {
  std::error_code ignored;
  // The catalogue first: segments without one are room for another model's chunks.
  for (auto beside : {"", "-wal", "-shm"})
    std::filesystem::remove(cache.folder / (std::string{catalog} + beside), ignored);
  for (std::size_t i = 0; std::filesystem::remove(segment_name(cache.folder, i), ignored); ++i) {
  }
  if (is_cache_folder(cache.folder.filename().string())) std::filesystem::remove(cache.folder, ignored);
}

}  // namespace chromatin::io

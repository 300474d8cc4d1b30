// The catalogue: rows with any values, and any bytes of its file.

#include <map>

#include "io/cache_folders.hpp"
#include "io/chunk_store.hpp"
#include "io/fsck/fsck.hpp"
#include "io/group_commit.hpp"
#include "tests/fuzz/rows.hpp"

using namespace chromatin;

namespace {

constexpr kv::geometry shape{2, 1, 64, kv::dtype::bf16};

io::chunk_store_options in(const std::filesystem::path& folder) {
  return {folder, 16 * shape.chunk_bytes(), shape, {1, 2}};
}

/// A catalogue of some chunks, as a server leaves it.
const std::filesystem::path& sound() {
  static const test::temporary_folder folder;
  static const auto file = [] {
    io::chunk_store store{in(folder.path())};
    io::catalog_change change;
    for (std::uint32_t i = 0; i < 8; ++i) change.added.push_back({{0, i}, i, i, 64 - i, {i, i + 1}});
    store.commit(change);
    return folder / "catalog.sqlite";
  }();
  return file;
}

/// As a server of another model finds it.
void pass_by(const std::filesystem::path& folder) {
  const kv::chunk_key keys[]{{0, 2}, {0, 99}};
  for (const auto& cache : io::caches_in(folder)) try {
      io::give_back_room(cache);
      io::erase_chunks(cache, keys);
    } catch (const io::sqlite_error&) {
      // one table of several is damaged
    }
}

/// As a disk tier begins, and goes on.
void serve(const std::filesystem::path& folder) {
  io::chunk_store store{in(folder)};
  io::group_commit tier{store.layout(), store.load(), 4};
  for (std::uint32_t slot = 0; const auto* row = tier.durable_from(slot); slot = row->slot + 1)
    fuzz::must(row->fill >= 1 && row->fill <= kv::tokens_per_chunk && row->checksums.size() == shape.layers);
  try {
    store.commit({.added = {{{9, 9}, 15, 0, 1, {1, 2}}}, .used = {{0, 3}}});
  } catch (const io::sqlite_error& e) {
    fuzz::must(e.damaged);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input from{data, size};
  test::temporary_folder folder;
  auto file = folder / "catalog.sqlite";
  std::filesystem::copy_file(sound(), file);
  switch (from.number<std::uint8_t>() % 3) {
    case 0:
      fuzz::spoil(file, from);
      break;
    case 1:
      for (int rows = 0; rows < 16 && !from.empty(); ++rows)
        fuzz::try_sql(file, "INSERT OR REPLACE INTO chunks VALUES " + fuzz::row(from, 6));
      break;
    default:
      while (!from.empty()) {
        auto name = fuzz::value(from), value = fuzz::value(from);
        fuzz::try_sql(file, "INSERT OR REPLACE INTO meta VALUES (" + name + ", " + value + ")");
      }
  }
  for (bool repair : {false, true}) {
    auto report = io::fsck::check({.folder = folder.path(), .repair = repair});
    if (!repair || !std::filesystem::exists(file)) continue;
    for (const auto& f : io::fsck::check({.folder = folder.path()}).findings)  // what a repair leaves
      fuzz::must(f.what_kind != io::fsck::kind::damage || f.where != "catalog.sqlite" ||
                 f.what.find("is not known") != std::string::npos);
  }
  try {
    pass_by(folder.path());
    serve(folder.path());
  } catch (const io::open_error& e) {
    fuzz::must(std::string_view{e.what()}.find('\n') == std::string_view::npos);
  }
  return 0;
}

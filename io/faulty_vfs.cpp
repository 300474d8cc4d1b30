#include "io/faulty_vfs.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include <sqlite3.h>

#include "io/write_cache.hpp"
#include "kv/check.hpp"

namespace chromatin::io {
namespace {

constexpr std::size_t sector_bytes = 512;
constexpr const char* vfs_name = "chromatin-faulty";
/// SQLite's own files take no more at a time: they pass the size through a mask of 17 bits.
constexpr std::uint64_t write_bytes_max = 1u << 16;

/// What all that have a file open know of it.
struct shared_file {
  explicit shared_file(fault_counts& counts) : fates{counts} {}
  write_cache cache{sector_bytes};
  unsynced_fates fates;
  std::uint64_t size_bytes = 0;
  std::uint32_t opened = 0;
};

}  // namespace

struct faulty_vfs::implementation {
  explicit implementation(std::shared_ptr<fault_dice> d) : dice{std::move(d)} {}

  std::shared_ptr<fault_dice> dice;
  sqlite3_vfs* real = sqlite3_vfs_find(nullptr);
  sqlite3_vfs own{};
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<shared_file>> files;  ///< that are open, by path; guarded by mutex
  std::uint64_t power_cuts = 0;                               ///< guarded by mutex
  std::optional<std::uint64_t> cut_after;                     ///< guarded by mutex

  void cut() {
    for (auto& [path, file] : files) file->fates.cut();
    files.clear();
    ++power_cuts;
    cut_after.reset();
  }
  /// A write or sync begins.
  void count() {
    if (cut_after && (*cut_after)-- == 0) cut();
  }
};

namespace {

using implementation = faulty_vfs::implementation;

/// Where SQLite has its file object; the real one follows it.
struct faulty_file {
  sqlite3_file base;
  implementation* vfs;
  std::shared_ptr<shared_file>* shared;  ///< null: SQLite's own temporary file, which nothing happens to
  const char* path;
  std::uint64_t power_cuts;

  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  shared_file& its() { return **shared; }
  bool is_dead() const { return shared && power_cuts != vfs->power_cuts; }
  bool strikes(fault what) const { return shared && vfs->dice->strikes(what); }
};

faulty_file& of(sqlite3_file* file) { return *reinterpret_cast<faulty_file*>(file); }
implementation& of(sqlite3_vfs* vfs) { return *static_cast<implementation*>(vfs->pAppData); }
sqlite3_vfs* real_of(sqlite3_vfs* vfs) { return of(vfs).real; }

int real_read(faulty_file& f, std::span<std::byte> into, std::uint64_t offset) {
  return f.real()->pMethods->xRead(f.real(), into.data(), static_cast<int>(into.size()),
                                   static_cast<sqlite3_int64>(offset));
}

int real_write(faulty_file& f, std::span<const std::byte> from, std::uint64_t offset) {
  return f.real()->pMethods->xWrite(f.real(), from.data(), static_cast<int>(from.size()),
                                    static_cast<sqlite3_int64>(offset));
}

/// What a program sees: the file with what is in the cache over it, zeros behind its end.
int read_through(faulty_file& f, std::span<std::byte> into, std::uint64_t offset) {
  int code = real_read(f, into, offset);
  if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) return code;
  auto& its = f.its();
  its.cache.lay_over(its.cache.within(offset, into.size()), offset, into);
  return offset + into.size() <= its.size_bytes ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int write_all(faulty_file& f, const std::vector<write_cache::piece>& pieces) {
  for (const auto& p : pieces) {
    auto end = std::min<std::uint64_t>(p.offset_bytes + p.bytes.size(), f.its().size_bytes);
    for (auto at = p.offset_bytes; at < end; at += write_bytes_max) {
      auto bytes = std::span{p.bytes}.subspan(at - p.offset_bytes, std::min(write_bytes_max, end - at));
      if (int code = real_write(f, bytes, at); code != SQLITE_OK) return code;
    }
  }
  return SQLITE_OK;
}

/// Puts the bytes into the cache, and into the file what is there before any sync.
int store(faulty_file& f, std::span<const std::byte> bytes, std::uint64_t offset) {
  auto& its = f.its();
  auto begin = offset / sector_bytes * sector_bytes;
  auto end = (offset + bytes.size() + sector_bytes - 1) / sector_bytes * sector_bytes;
  std::vector<std::byte> whole(end - begin);
  if (int code = read_through(f, whole, begin); code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) return code;
  std::ranges::copy(bytes, whole.begin() + static_cast<std::ptrdiff_t>(offset - begin));
  its.cache.put(begin, whole);
  its.size_bytes = std::max(its.size_bytes, offset + bytes.size());
  auto fate = f.vfs->dice->draw_fate((end - begin) / sector_bytes);
  its.fates.add(fate.at_cut);
  auto first = std::max(begin + fate.first * sector_bytes, offset);
  auto last = std::min(begin + fate.last * sector_bytes, offset + bytes.size());
  return first < last ? real_write(f, bytes.subspan(first - offset, last - first), first) : SQLITE_OK;
}

int flush(faulty_file& f) {
  auto& its = f.its();
  its.fates.synced();
  if (int code = write_all(f, its.cache.pieces(its.cache.all())); code != SQLITE_OK) return code;
  its.cache.clear();
  return SQLITE_OK;
}

// -- the methods of a file --

int close_file(sqlite3_file* file) {
  auto& f = of(file);
  if (f.shared) {
    std::lock_guard lock{f.vfs->mutex};
    // The kernel writes what is left, sooner or later.
    if (!f.is_dead() && --f.its().opened == 0) {
      flush(f);
      f.vfs->files.erase(f.path);
    }
    delete f.shared;
  }
  return f.real()->pMethods ? f.real()->pMethods->xClose(f.real()) : SQLITE_OK;
}

int read_file(sqlite3_file* file, void* into, int size, sqlite3_int64 offset) {
  auto& f = of(file);
  if (!f.shared) return f.real()->pMethods->xRead(f.real(), into, size, offset);
  std::lock_guard lock{f.vfs->mutex};
  if (f.is_dead() || f.strikes(fault::read_error)) return SQLITE_IOERR_READ;
  std::span bytes{static_cast<std::byte*>(into), static_cast<std::size_t>(size)};
  int code = read_through(f, bytes, static_cast<std::uint64_t>(offset));
  if (code == SQLITE_OK && f.strikes(fault::read_flip)) {
    auto bit = f.vfs->dice->draw(bytes.size() * 8);
    bytes[bit / 8] ^= std::byte{1} << static_cast<int>(bit % 8);
  }
  return code;
}

int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  auto& f = of(file);
  if (!f.shared) return f.real()->pMethods->xWrite(f.real(), from, size, offset);
  std::lock_guard lock{f.vfs->mutex};
  f.vfs->count();
  if (f.is_dead()) return SQLITE_IOERR_WRITE;
  std::span bytes{static_cast<const std::byte*>(from), static_cast<std::size_t>(size)};
  for (auto [what, code] : {std::pair{fault::write_error, SQLITE_IOERR_WRITE}, std::pair{fault::no_space, SQLITE_FULL}})
    if (f.strikes(what)) {
      store(f, bytes.first(f.vfs->dice->draw(bytes.size())), static_cast<std::uint64_t>(offset));
      return code;
    }
  return store(f, bytes, static_cast<std::uint64_t>(offset));
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  auto& f = of(file);
  if (f.shared) {
    std::lock_guard lock{f.vfs->mutex};
    if (f.is_dead() || f.strikes(fault::write_error)) return SQLITE_IOERR_TRUNCATE;
    auto& its = f.its();
    its.size_bytes = static_cast<std::uint64_t>(size);
    its.cache.forget_from((its.size_bytes + sector_bytes - 1) / sector_bytes);
  }
  return f.real()->pMethods->xTruncate(f.real(), size);
}

/// As Linux does: what could not be written counts as clean, and may be dropped at any time.
void drop_some(faulty_file& f) {
  auto& cache = f.its().cache;
  for (const auto& [number, data] : write_cache::sectors{cache.all()})
    if (f.vfs->dice->draw(2) == 0) cache.forget(number);
}

int sync_file(sqlite3_file* file, int) {
  auto& f = of(file);
  if (!f.shared) return SQLITE_OK;
  std::lock_guard lock{f.vfs->mutex};
  f.vfs->count();
  if (f.is_dead()) return SQLITE_IOERR_FSYNC;
  if (!f.strikes(fault::sync_error)) return flush(f);
  drop_some(f);
  return SQLITE_IOERR_FSYNC;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  auto& f = of(file);
  if (!f.shared) return f.real()->pMethods->xFileSize(f.real(), size);
  std::lock_guard lock{f.vfs->mutex};
  if (f.is_dead()) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(f.its().size_bytes);
  return SQLITE_OK;
}

/// What goes to the real file as it is.
template <auto Method>
struct passes;
template <class... Values, int (*sqlite3_io_methods::*Method)(sqlite3_file*, Values...)>
struct passes<Method> {
  static int on(sqlite3_file* file, Values... values) {
    auto* real = of(file).real();
    return (real->pMethods->*Method)(real, values...);
  }
};

void memory_barrier(sqlite3_file* file) { of(file).real()->pMethods->xShmBarrier(of(file).real()); }

using methods = sqlite3_io_methods;
/// Version 2: shared memory for the write-ahead log, no memory-mapped reads, which would pass by.
constexpr methods file_methods{2,
                               close_file,
                               read_file,
                               write_file,
                               truncate_file,
                               sync_file,
                               file_size,
                               passes<&methods::xLock>::on,
                               passes<&methods::xUnlock>::on,
                               passes<&methods::xCheckReservedLock>::on,
                               passes<&methods::xFileControl>::on,
                               passes<&methods::xSectorSize>::on,
                               passes<&methods::xDeviceCharacteristics>::on,
                               passes<&methods::xShmMap>::on,
                               passes<&methods::xShmLock>::on,
                               memory_barrier,
                               passes<&methods::xShmUnmap>::on,
                               nullptr,
                               nullptr};

// -- the methods of the VFS --

int open_file(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* flags_out) {
  auto& mine = of(vfs);
  auto& f = of(file);
  f = {{nullptr}, &mine, nullptr, path, 0};
  std::lock_guard lock{mine.mutex};
  std::memset(f.real(), 0, static_cast<std::size_t>(mine.real->szOsFile));
  int code = mine.real->xOpen(mine.real, path, f.real(), flags, flags_out);
  if (f.real()->pMethods) f.base.pMethods = &file_methods;
  if (code != SQLITE_OK || !path) return code;
  f.power_cuts = mine.power_cuts;
  auto& shared = mine.files[path];
  if (!shared) {
    shared = std::make_shared<shared_file>(mine.dice->counts());
    sqlite3_int64 size = 0;
    if (f.real()->pMethods->xFileSize(f.real(), &size) == SQLITE_OK)
      shared->size_bytes = static_cast<std::uint64_t>(size);
  }
  ++shared->opened;
  f.shared = new std::shared_ptr<shared_file>{shared};
  return SQLITE_OK;
}

}  // namespace

faulty_vfs::faulty_vfs(std::shared_ptr<fault_dice> dice)
    : implementation_{std::make_unique<implementation>(std::move(dice))} {
  auto& own = implementation_->own;
  own = *implementation_->real;  // the rest asks for nothing but the name of a file, or the time
  own.szOsFile = static_cast<int>(sizeof(faulty_file)) + implementation_->real->szOsFile;
  own.pNext = nullptr;
  own.zName = vfs_name;
  own.pAppData = implementation_.get();
  own.xOpen = open_file;
  own.xDelete = [](sqlite3_vfs* vfs, const char* path, int) { return real_of(vfs)->xDelete(real_of(vfs), path, 0); };
  own.xAccess = [](sqlite3_vfs* vfs, const char* path, int flags, int* result) {
    return real_of(vfs)->xAccess(real_of(vfs), path, flags, result);
  };
  own.xFullPathname = [](sqlite3_vfs* vfs, const char* path, int size, char* out) {
    return real_of(vfs)->xFullPathname(real_of(vfs), path, size, out);
  };
  CHROMATIN_CHECK(sqlite3_vfs_find(vfs_name) == nullptr, "one faulty VFS at a time");
  sqlite3_vfs_register(&own, 1);
}

faulty_vfs::~faulty_vfs() {
  sqlite3_vfs_unregister(&implementation_->own);
  sqlite3_vfs_register(implementation_->real, 1);
}

void faulty_vfs::power_cut() {
  std::lock_guard lock{implementation_->mutex};
  implementation_->cut();
}

void faulty_vfs::power_cut_after(std::uint64_t operations) {
  std::lock_guard lock{implementation_->mutex};
  implementation_->cut_after = operations;
}

}  // namespace chromatin::io

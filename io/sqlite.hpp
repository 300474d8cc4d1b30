#pragma once

/// A thin cover over SQLite: a database that closes itself, statements that bind and step. One thread at a time.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace chromatin::io {

/// What SQLite says, with the statement; `damaged` when the file is not a sound database.
struct sqlite_error : std::runtime_error {
  sqlite_error(const std::string& text, bool is_damaged) : std::runtime_error{text}, damaged{is_damaged} {}
  bool damaged;
};

class database;

/// A prepared statement. Values are bound in order, then rows are read; it can be run again after reset().
class statement {
 public:
  statement(database& db, std::string_view sql);
  ~statement();
  statement(statement&& other) noexcept;
  statement& operator=(statement&&) = delete;

  template <class... Values>
  statement& bind(const Values&... values) {
    reset();
    int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }
  /// True while there is a row.
  bool step();
  /// Runs to the end.
  void run();
  void reset();

  std::int64_t integer(int column) const;
  std::string text(int column) const;
  /// Valid until the next step().
  std::span<const std::byte> blob(int column) const;
  bool is_null(int column) const;
  /// Binds every column of the row where `from` stands, as it is.
  statement& bind_row(const statement& from);

 private:
  void check(int code);
  void bind_one(int index, std::nullopt_t);
  void bind_one(int index, std::int64_t value);
  void bind_one(int index, std::string_view value);
  void bind_one(int index, const char* value) { bind_one(index, std::string_view{value}); }
  void bind_one(int index, const std::string& value) { bind_one(index, std::string_view{value}); }
  void bind_one(int index, std::span<const std::byte> value);
  template <class T>
  void bind_one(int index, const std::optional<T>& value) {
    value ? bind_one(index, *value) : bind_one(index, std::nullopt);
  }

  sqlite3_stmt* statement_ = nullptr;
};

enum class open_mode : std::uint8_t {
  make,  ///< for its owner only if it is new, in WAL mode; every commit is durable (synchronous=FULL)
  look,  ///< a file that is there; opening and closing it changes neither the file nor its log
};

class database {
 public:
  /// Opens `file` (":memory:" for none).
  explicit database(const std::filesystem::path& file, open_mode how = open_mode::make);

  void execute(const char* sql);
  sqlite3* get() const { return handle_.get(); }

  /// From now on transactions are parts of a batch: each is kept or rolled back by itself, and all that were kept
  /// become durable with `commit_batch`. When that throws, nothing of the batch is stored.
  void begin_batch();
  void commit_batch();
  bool in_batch() const { return in_batch_; }

 private:
  bool in_batch_ = false;
  struct closer {
    void operator()(sqlite3* handle) const;
  };
  std::unique_ptr<sqlite3, closer> handle_;
};

/// What SQLite finds wrong with a database's structure, a line each, `lines_max` at most; empty if it is sound. A bit
/// may be wrong in what is read only: who acts on it asks again with a new connection. Throws sqlite_error when the
/// disk does not give a page, which says nothing of what is stored.
std::vector<std::string> structural_damage(database& db, int lines_max = 20);

/// Rolls back unless committed; a part of the batch where there is one.
class transaction {
 public:
  explicit transaction(database& db);
  ~transaction();
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;
  void commit();

 private:
  database& db_;
  bool part_;  ///< of a batch
  bool open_ = true;
};

/// The bytes of a plain value or of a list of them.
template <class T>
std::span<const std::byte> blob_of(const std::vector<T>& values) {
  return std::as_bytes(std::span{values});
}
template <class T>
std::span<const std::byte> blob_of(const T& value) {
  return std::as_bytes(std::span{&value, 1});
}

/// The list in a blob; throws sqlite_error (damaged) if its length does not fit.
template <class T>
std::vector<T> list_of(std::span<const std::byte> blob) {
  if (blob.size() % sizeof(T) != 0) throw sqlite_error("a list in the database has an impossible length", true);
  std::vector<T> values(blob.size() / sizeof(T));
  auto* to = std::as_writable_bytes(std::span{values}).data();
  for (auto byte : blob) *to++ = byte;
  return values;
}

}  // namespace chromatin::io

#include "io/sqlite.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chromatin::io {
namespace {

[[noreturn]] void fail(sqlite3* handle, const std::string& what, bool at_prepare = false) {
  auto code = handle ? sqlite3_errcode(handle) : SQLITE_NOMEM;
  // Our statements are right: one that is not understood meets tables that are not those that were made.
  bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || (at_prepare && code == SQLITE_ERROR);
  throw sqlite_error(what + ": " + (handle ? sqlite3_errmsg(handle) : "out of memory"), damaged);
}

sqlite3* handle_of(sqlite3_stmt* s) { return sqlite3_db_handle(s); }

/// SQLite would make the file readable for everybody; -wal and -shm get the mode of the file itself. A file that exists
/// is not opened: closing it would end the locks that another connection of this process has on it.
void make_private(const std::filesystem::path& file) {
  int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno != EEXIST) throw sqlite_error(file.string() + ": " + std::strerror(errno), false);
  if (fd >= 0) ::close(fd);
  for (auto beside : {"", "-wal", "-shm"})  // earlier programs made them readable for everybody
    if (fd < 0) ::chmod((file.string() + beside).c_str(), 0600);
}

/// SQLite's check calls a page that it was not given damage, too, but says why.
bool is_read_error(const std::string& line) {
  const std::string_view words = "error code=";
  auto at = line.find(words);
  return at != line.npos && (std::atoi(line.c_str() + at + words.size()) & 0xff) == SQLITE_IOERR;
}

}  // namespace

void database::closer::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

database::database(const std::filesystem::path& file, open_mode how) {
  bool look = how == open_mode::look;
  if (!look && file != ":memory:") make_private(file);
  sqlite3* handle = nullptr;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (look ? 0 : SQLITE_OPEN_CREATE);
  int code = sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) fail(handle, file.string());
  sqlite3_busy_timeout(handle, 2000);
  std::error_code none;
  if (look && std::filesystem::file_size(file.string() + "-wal", none) > 0 && !none)
    sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (look) return;
  execute("PRAGMA journal_mode = WAL");
  execute("PRAGMA synchronous = FULL");
}

void database::execute(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail(handle_.get(), sql);
}

statement::statement(database& db, std::string_view sql) {
  if (sqlite3_prepare_v2(db.get(), sql.data(), static_cast<int>(sql.size()), &statement_, nullptr) != SQLITE_OK)
    fail(db.get(), std::string{sql}, true);
}

statement::~statement() { sqlite3_finalize(statement_); }

statement::statement(statement&& other) noexcept : statement_{std::exchange(other.statement_, nullptr)} {}

bool statement::step() {
  int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  auto* handle = handle_of(statement_);
  auto text = std::string{sqlite3_sql(statement_)};
  fail(handle, text);
}

void statement::run() {
  while (step()) {
  }
  reset();
}

void statement::reset() { sqlite3_reset(statement_); }

std::int64_t statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string statement::text(int column) const {
  auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return data ? std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))) : std::string{};
}

std::span<const std::byte> statement::blob(int column) const {
  auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

bool statement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

statement& statement::bind_row(const statement& from) {
  reset();
  for (int i = 0; i < sqlite3_column_count(from.statement_); ++i)
    check(sqlite3_bind_value(statement_, i + 1, sqlite3_column_value(from.statement_, i)));
  return *this;
}

void statement::check(int code) {
  if (code != SQLITE_OK) fail(handle_of(statement_), sqlite3_sql(statement_));
}

void statement::bind_one(int index, std::nullopt_t) { check(sqlite3_bind_null(statement_, index)); }

void statement::bind_one(int index, std::int64_t value) { check(sqlite3_bind_int64(statement_, index, value)); }

void statement::bind_one(int index, std::string_view value) {
  auto* data = value.empty() ? "" : value.data();
  check(sqlite3_bind_text64(statement_, index, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void statement::bind_one(int index, std::span<const std::byte> value) {
  auto* data = value.empty() ? static_cast<const void*>("") : value.data();
  check(sqlite3_bind_blob64(statement_, index, data, value.size(), SQLITE_TRANSIENT));
}

void database::begin_batch() {
  execute("BEGIN IMMEDIATE");
  in_batch_ = true;
}

void database::commit_batch() {
  in_batch_ = false;
  try {
    execute("COMMIT");
  } catch (const sqlite_error&) {
    sqlite3_exec(get(), "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
}

std::vector<std::string> structural_damage(database& db, int lines_max) {
  std::vector<std::string> lines;
  try {
    statement check{db, "PRAGMA integrity_check(" + std::to_string(lines_max) + ")"};
    while (check.step()) {
      auto line = check.text(0);
      std::ranges::replace(line, '\n', ' ');
      if (is_read_error(line)) throw sqlite_error(line, false);
      if (line != "ok") lines.push_back(line);
    }
  } catch (const sqlite_error& e) {
    if (!e.damaged) throw;
    lines.push_back(e.what());
  }
  return lines;
}

transaction::transaction(database& db) : db_{db}, part_{db.in_batch()} {
  // A full disk makes SQLite roll back all that was open: what comes after it must not be stored without what was
  // before.
  if (part_ && sqlite3_get_autocommit(db.get()) != 0)
    throw sqlite_error("what was written before failed, and this with it", false);
  db_.execute(part_ ? "SAVEPOINT part" : "BEGIN IMMEDIATE");
}

transaction::~transaction() {
  if (!open_) return;
  sqlite3_exec(db_.get(), part_ ? "ROLLBACK TO part" : "ROLLBACK", nullptr, nullptr, nullptr);
  if (part_) sqlite3_exec(db_.get(), "RELEASE part", nullptr, nullptr, nullptr);
}

void transaction::commit() {
  db_.execute(part_ ? "RELEASE part" : "COMMIT");
  open_ = false;
}

}  // namespace chromatin::io

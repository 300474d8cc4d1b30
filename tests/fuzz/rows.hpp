#pragma once

/// Damage in a database, as a fuzzer's bytes say.

#include "io/sqlite.hpp"
#include "tests/fuzz/input.hpp"

namespace chromatin::fuzz {

/// Overwrites bytes of a file: a place in three bytes, then the new one, as often as there are bytes for it.
inline void spoil(const std::filesystem::path& file, input& from) {
  auto size = std::filesystem::file_size(file);
  std::fstream f{file, std::ios::in | std::ios::out | std::ios::binary};
  while (!from.empty()) {
    auto place = (std::uint64_t{from.number<std::uint16_t>()} << 8 | from.number<std::uint8_t>()) % size;
    f.seekp(static_cast<std::streamoff>(place));
    f.put(from.number<char>());
  }
}

/// A value of any kind, as SQL.
inline std::string value(input& from) {
  auto hex = [](const std::string& text) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string result;
    for (unsigned char c : text) result += {digits[c >> 4], digits[c & 15]};
    return result;
  };
  switch (from.number<std::uint8_t>() % 6) {
    case 0:
      return "NULL";
    case 1:
      return std::to_string(from.number<std::int8_t>());
    case 2:
      return std::to_string(from.number<std::int64_t>());
    case 3:
      return std::to_string(from.number<std::uint16_t>()) + ".5";
    case 4:
      return "CAST(x'" + hex(from.text()) + "' AS TEXT)";
    default:
      return "x'" + hex(from.text()) + "'";
  }
}

/// So many values, as SQL wants them of a row.
inline std::string row(input& from, int columns) {
  std::string values;
  for (int column = 0; column < columns; ++column) values += (column ? ", " : "") + value(from);
  return "(" + values + ")";
}

/// Runs it; what SQLite does not like is not done.
inline void try_sql(const std::filesystem::path& file, const std::string& sql) {
  try {
    io::database db{file};
    db.execute("PRAGMA synchronous = OFF");
    db.execute(sql.c_str());
  } catch (const io::sqlite_error&) {
  }
}

}  // namespace chromatin::fuzz

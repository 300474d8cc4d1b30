// The code across blocks where blocks were read in part.

#include <algorithm>
#include <array>
#include <optional>

extern "C" {
#include <fec.h>
}

#include "dna/blocks/outer_code.hpp"
#include "dna/blocks/outer_columns.hpp"

namespace chromatin::dna {
namespace {

using outer::tag_bytes;

/// Where a column's byte stands among a block's stored bytes: kind and length are in the header, but for parity, which
/// has those of its members in its content.
std::size_t stored_at(std::size_t at, bool parity) {
  constexpr std::size_t tag_at = 2;
  if (parity) return profile::header_bytes + at;
  return at < tag_bytes ? tag_at + at : profile::header_bytes + at - tag_bytes;
}

/// A member or a parity block with the bytes that are known of it.
struct column {
  outer_code::place from;
  bool parity;
  known_bytes read;  ///< as stored; of a part
  byte_string bytes;
  std::vector<bool> known;
  std::optional<block> found;  ///< by its own code, with what the others told

  bool whole() const { return from.whole || found; }
  bool in_part() const { return !whole() && !read.bytes.empty(); }

  void make_whole(const block& one) {
    bytes = outer::column_of(one, static_cast<std::uint32_t>(bytes.size() - tag_bytes));
    known.assign(bytes.size(), true);
  }
  /// Forgets what the others told, which may have been wrong.
  void start_again() {
    for (std::size_t at = 0; !whole() && at < bytes.size(); ++at) {
      known[at] = in_part() && read.known[stored_at(at, parity)];
      bytes[at] = known[at] ? read.bytes[stored_at(at, parity)] : std::uint8_t{0};
    }
  }
};

column column_for(const block_codec& codec, const outer_code::place& from, bool parity) {
  const auto size = tag_bytes + codec.geometry().block_bytes();
  column made{from, parity, {}, byte_string(size), std::vector<bool>(size), {}};
  if (from.whole) made.make_whole(*from.whole);
  if (from.whole || !from.part) return made;
  auto read = codec.reveal(*from.part);
  if (std::find(read.known.begin(), read.known.end(), true) != read.known.end()) made.read = std::move(read);
  return made;
}

/// The bytes at one place of all columns. Those that are unknown become known where there is parity enough, and where
/// what it says of blocks that are whole is what they are.
void solve(void* code, std::size_t parity, std::size_t at, std::vector<column>& columns) {
  std::array<int, outer::length> lost{};
  std::array<std::uint8_t, outer::length> symbols{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    symbols[i] = columns[i].bytes[at];
    if (!columns[i].known[at]) lost[count++] = static_cast<int>(i);
  }
  if (count > parity || decode_rs_char(code, symbols.data(), lost.data(), static_cast<int>(count)) < 0) return;
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].whole() && columns[i].bytes[at] != symbols[i]) return;
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i].bytes[at] = symbols[i], columns[i].known[at] = true;
}

/// Back through the block's own code. True where that gave the block.
bool decode_again(const block_codec& codec, column& one) {
  if (!one.in_part()) return false;
  auto told = one.read;
  for (std::size_t at = 0; at < one.bytes.size(); ++at) {
    if (!one.known[at]) continue;
    told.bytes[stored_at(at, one.parity)] = one.bytes[at];
    told.known[stored_at(at, one.parity)] = true;
  }
  auto made = codec.decode(*one.from.part, told).decoded;
  if (!made || (made->kind == block_kind::parity) != one.parity) return false;
  one.make_whole(*made);
  one.found = std::move(made);
  return true;
}

}  // namespace

std::vector<block> outer_code::complete(const block_codec& codec, std::span<const place> members,
                                        std::span<const place> parity) {
  std::vector<block> completed;
  const auto groups = outer::groups_of(members.size() + parity.size());
  for (std::size_t group = 0; group < groups; ++group) {
    std::vector<column> columns;
    for (const auto& one : outer::dealt(members, group, groups)) columns.push_back(column_for(codec, one, false));
    const auto data = columns.size();
    for (const auto& one : outer::dealt(parity, group, groups)) columns.push_back(column_for(codec, one, true));
    const auto checks = columns.size() - data;
    if (checks == 0) continue;
    const auto code = outer::code_for(data, checks);
    for (bool more = std::any_of(columns.begin(), columns.end(), [](auto& one) { return one.in_part(); }); more;) {
      for (auto& one : columns) one.start_again();
      for (std::size_t at = 0; at < columns.front().bytes.size(); ++at) solve(code.get(), checks, at, columns);
      more = false;
      for (auto& one : columns) more = decode_again(codec, one) || more;
    }
    for (auto& one : columns)
      if (one.found) completed.push_back(std::move(*one.found));
  }
  return completed;
}

}  // namespace chromatin::dna

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

/// A member or a parity block with what is known of it: as symbols, which its own code completes, and as bytes, which
/// the others do.
struct column {
  outer_code::place from;
  bool parity;
  byte_string bytes;
  std::vector<bool> known;
  partial_block part{};  ///< of one that is not whole: what was read, and what was told
  std::optional<std::uint16_t> number{};
  std::optional<block> found{};  ///< by its own code, with what the others told

  bool whole() const { return from.whole || found; }
  bool in_part() const { return !whole() && from.part; }

  void make_whole(const block& one) {
    bytes = outer::column_of(one, static_cast<std::uint32_t>(bytes.size() - tag_bytes));
    known.assign(bytes.size(), true);
  }
  /// Forgets what was told, which may have been wrong.
  void start_again() {
    if (whole()) return;
    known.assign(known.size(), false);
    number.reset();
    if (from.part) part = *from.part;
  }
};

column column_for(const block_codec& codec, const outer_code::place& from, bool parity) {
  const auto size = tag_bytes + codec.geometry().block_bytes();
  column made{from, parity, byte_string(size), std::vector<bool>(size)};
  if (from.whole) made.make_whole(*from.whole);
  return made;
}

/// What the block's own code tells of its symbols, where so much of its parity is left over.
void tell_itself(const block_codec& codec, column& one, int spare) {
  const auto codewords = codec.read_codewords(one.part.molecules);
  for (auto& row : one.part.molecules) row.resize(codewords.size(), erased);
  for (std::size_t c = 0; c < codewords.size(); ++c)
    for (std::size_t m = 0; codewords[c].spare >= spare && m < one.part.molecules.size(); ++m)
      one.part.molecules[m][c] = codewords[c].symbols[m];
}

/// Bytes for the others out of the symbols.
void tell_others(const block_codec& codec, column& one) {
  const auto read = codec.reveal(one.part, one.number);
  one.number = read.number;
  for (std::size_t at = 0; at < one.bytes.size(); ++at)
    if (const auto from = stored_at(at, one.parity); read.known[from]) {
      one.bytes[at] = read.bytes[from];
      one.known[at] = true;
    }
}

/// Symbols out of the bytes that the others told. They tell the number, too.
void hear_others(const block_codec& codec, column& one) {
  auto told = codec.nothing_known();
  for (std::size_t at = 0; at < one.bytes.size(); ++at) {
    told.bytes[stored_at(at, one.parity)] = one.bytes[at];
    told.known[stored_at(at, one.parity)] = one.known[at];
  }
  if (!one.number) one.number = codec.find_number(one.part, told);
  if (!one.number) return;
  told.number = one.number;
  const auto rows = codec.hide(one.from.id, told);
  for (std::size_t m = 0; m < rows.size(); ++m)
    for (std::size_t c = 0; c < rows[m].size(); ++c)
      if (rows[m][c] != erased) one.part.molecules[m][c] = rows[m][c];
}

/// The bytes at one place of all columns. Those that are unknown become known where so much parity is left over, and
/// where what it says of blocks that are whole is what they are.
void solve(void* code, std::size_t parity, std::size_t at, std::vector<column>& columns, std::size_t spare) {
  std::array<int, outer::length> lost{};
  std::array<std::uint8_t, outer::length> symbols{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    symbols[i] = columns[i].bytes[at];
    if (!columns[i].known[at]) lost[count++] = static_cast<int>(i);
  }
  if (count + spare > parity || decode_rs_char(code, symbols.data(), lost.data(), static_cast<int>(count)) < 0) return;
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].whole() && columns[i].bytes[at] != symbols[i]) return;
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i].bytes[at] = symbols[i], columns[i].known[at] = true;
}

std::size_t known_in(const std::vector<column>& columns) {
  std::size_t sum = 0;
  for (const auto& one : columns) sum += static_cast<std::size_t>(std::count(one.known.begin(), one.known.end(), true));
  return sum;
}

/// Parity that is left over where something is told: what is told without any may be wrong.
struct caution {
  int in_blocks;
  std::size_t across;
};

/// Both codes in turn, for as long as one of them tells something new.
void tell_all(const block_codec& codec, void* code, std::size_t parity, std::vector<column>& columns,
              const caution& spare) {
  for (auto& one : columns) one.start_again();
  for (std::size_t before = 0, now = 1; now > before;) {
    before = now;
    for (auto& one : columns)
      if (one.in_part()) tell_itself(codec, one, spare.in_blocks), tell_others(codec, one);
    for (std::size_t at = 0; at < columns.front().bytes.size(); ++at) solve(code, parity, at, columns, spare.across);
    for (auto& one : columns)
      if (one.in_part()) hear_others(codec, one);
    now = 1 + known_in(columns);
  }
}

/// True where what is known of a block gives it.
bool decode_again(const block_codec& codec, column& one) {
  if (!one.in_part()) return false;
  auto made = codec.decode(one.from.id, one.part.molecules).decoded;
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
    constexpr std::array<caution, 3> less_and_less{{{1, 1}, {1, 0}, {0, 0}}};
    for (std::size_t step = 0; step < less_and_less.size();) {
      if (std::none_of(columns.begin(), columns.end(), [](auto& one) { return one.in_part(); })) break;
      tell_all(codec, code.get(), checks, columns, less_and_less[step]);
      bool more = false;
      for (auto& one : columns) more = decode_again(codec, one) || more;
      step = more ? 0 : step + 1;
    }
    for (auto& one : columns)
      if (one.found) completed.push_back(std::move(*one.found));
  }
  return completed;
}

}  // namespace chromatin::dna

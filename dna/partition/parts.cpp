#include "dna/partition/parts.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <xxhash.h>

#include "dna/blocks/numbers.hpp"
#include "dna/partition/compression.hpp"

namespace chromatin::dna {
namespace {

constexpr std::array<std::uint8_t, 7> magic{'D', 'N', 'A', 'p', 'a', 'r', 't'};
constexpr std::string_view part_mark = ".part-", of_mark = "-of-";

std::uint64_t take(std::span<const std::uint8_t>& bytes, std::size_t count) {
  const auto value = get_fixed(bytes.first(count));
  bytes = bytes.subspan(count);
  return value;
}

std::uint64_t hash(std::span<const std::uint8_t> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace

byte_string encode(const file_part& part) {
  byte_string bytes{magic.begin(), magic.end()};
  put_fixed(bytes, part.compressed ? 1 : 0, 1);
  put_fixed(bytes, part.number, 2), put_fixed(bytes, part.of, 2);
  put_fixed(bytes, part.size_bytes, 8), put_fixed(bytes, part.checksum, 8);
  bytes.insert(bytes.end(), part.content.begin(), part.content.end());
  return bytes;
}

std::optional<file_part> decode_part(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < file_part::header_bytes || !std::equal(magic.begin(), magic.end(), bytes.begin())) return {};
  bytes = bytes.subspan(magic.size());
  file_part part;
  part.compressed = take(bytes, 1) == 1;
  part.number = static_cast<std::uint32_t>(take(bytes, 2));
  part.of = static_cast<std::uint32_t>(take(bytes, 2));
  part.size_bytes = take(bytes, 8);
  part.checksum = take(bytes, 8);
  if (part.number < 1 || part.number > part.of) return {};
  part.content.assign(bytes.begin(), bytes.end());
  return part;
}

std::string part_name(std::string_view path, std::uint32_t number, std::uint32_t of) {
  return fmt::format("{}{}{}{}{}", path, part_mark, number, of_mark, of);
}

std::optional<part_place> parse_part_name(std::string_view name) {
  const auto at = name.rfind(part_mark);
  if (at == name.npos || at == 0) return {};
  part_place place{std::string{name.substr(0, at)}};
  const auto* end = name.data() + name.size();
  const auto [of, error] = std::from_chars(name.data() + at + part_mark.size(), end, place.number);
  if (error != std::errc{} || !std::string_view{of, static_cast<std::size_t>(end - of)}.starts_with(of_mark)) return {};
  const auto [stop, other] = std::from_chars(of + of_mark.size(), end, place.of);
  if (other != std::errc{} || stop != end || place.number < 1 || place.number > place.of) return {};
  return place;
}

std::vector<file_part> cut(std::span<const std::uint8_t> whole, bool compressed, std::span<const std::uint64_t> rooms,
                           bool sizes_are_kept) {
  std::vector<file_part> parts;
  auto rest = whole;
  for (std::size_t i = 0; i < rooms.size() && (sizes_are_kept || i == 0 || !rest.empty()); ++i) {
    const bool last = sizes_are_kept && i + 1 == rooms.size();
    const auto room = rooms[i] > file_part::header_bytes ? rooms[i] - file_part::header_bytes : 0;
    const auto piece = rest.first(last ? rest.size() : std::min<std::uint64_t>(room, rest.size()));
    rest = rest.subspan(piece.size());
    parts.push_back({0, 0, compressed, whole.size(), hash(whole), {piece.begin(), piece.end()}});
  }
  if (!rest.empty()) return {};
  for (std::uint32_t i = 0; i < parts.size(); ++i) {
    parts[i].number = i + 1;
    parts[i].of = static_cast<std::uint32_t>(parts.size());
  }
  return parts;
}

joined_parts join(std::span<const file_part> parts) {
  if (parts.empty()) return {{}, "no part was read"};
  const auto of = parts.front().of;
  std::vector<const file_part*> order(of);
  for (const auto& one : parts) {
    if (one.of != of || one.checksum != parts.front().checksum || one.size_bytes != parts.front().size_bytes)
      return {{},
              fmt::format("part {} of {} and part {} of {} are not of one whole: one is older", parts.front().number,
                          of, one.number, one.of)};
    order[one.number - 1] = &one;
  }
  byte_string whole;
  for (std::uint32_t i = 0; i < of; ++i) {
    if (!order[i]) return {{}, fmt::format("part {} of {} was not read", i + 1, of)};
    whole.insert(whole.end(), order[i]->content.begin(), order[i]->content.end());
  }
  if (whole.size() != parts.front().size_bytes || hash(whole) != parts.front().checksum)
    return {{}, "its parts do not make up the whole that they tell"};
  if (!parts.front().compressed) return {std::move(whole), ""};
  auto content = decompress(whole);
  if (!content) return {{}, "it is said to be compressed, but is no zstd frame"};
  return {std::move(content), ""};
}

}  // namespace chromatin::dna

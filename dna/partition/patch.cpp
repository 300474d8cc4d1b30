#include "dna/partition/patch.hpp"

#include <algorithm>
#include <string_view>

#include <edlib.h>

namespace chromatin::dna {
namespace {

constexpr std::uint32_t leaf_bits = 13, leaf_mask = 0x1fff;  // of the link; more bits stand in a byte after it
constexpr std::uint32_t long_flag = 0x2000, moved_flag = 0x4000, successor_flag = 0x8000;

std::span<const char> characters(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::size_t common_prefix(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

std::size_t common_suffix(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  return static_cast<std::size_t>(std::mismatch(a.rbegin(), a.rend(), b.rbegin(), b.rend()).first - a.rbegin());
}

/// Where every byte of `from`, and its end, stands in `to`; empty where more than `edits_max` edits lie between them.
std::vector<std::size_t> positions_after(std::span<const std::uint8_t> from, std::span<const std::uint8_t> to,
                                         int edits_max) {
  const auto a = characters(from), b = characters(to);
  auto aligned = edlibAlign(a.data(), static_cast<int>(a.size()), b.data(), static_cast<int>(b.size()),
                            edlibNewAlignConfig(edits_max, EDLIB_MODE_NW, EDLIB_TASK_PATH, nullptr, 0));
  std::vector<std::size_t> positions;
  if (aligned.status == EDLIB_STATUS_OK && aligned.editDistance >= 0) {
    std::size_t at = 0;
    for (int i = 0; i < aligned.alignmentLength; ++i) {
      const auto step = aligned.alignment[i];
      // edlib's query is `from`: an insertion is a byte of it that `to` lacks.
      if (step != EDLIB_EDOP_DELETE) positions.push_back(at);
      if (step != EDLIB_EDOP_INSERT) ++at;
    }
    positions.push_back(to.size());
  }
  edlibFreeAlignResult(aligned);
  return positions;
}

/// Borders of the blocks of a stretch without a block that stayed the same, without the last.
void align_stretch(std::span<const std::uint8_t> from, std::span<const std::size_t> sizes,
                   std::span<const std::uint8_t> to, std::size_t to_at, std::vector<std::size_t>& borders) {
  const auto before = common_prefix(from, to);
  const auto after = common_suffix(from.subspan(before), to.subspan(before));
  const auto changed_from = from.subspan(before, from.size() - before - after);
  const auto changed_to = to.subspan(before, to.size() - before - after);
  // The time of an alignment grows with length times edits: beyond this it is not worth it.
  constexpr int edits_max = 8192;
  std::vector<std::size_t> positions;
  if (!changed_from.empty() && !changed_to.empty() && sizes.size() > 1)
    positions = positions_after(changed_from, changed_to, edits_max);
  std::size_t at = 0;
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    at += sizes[i];
    std::size_t border = before + std::min(at - std::min(at, before), changed_to.size());
    if (at <= before)
      border = at;
    else if (at >= from.size() - after)
      border = to.size() - (from.size() - at);
    else if (!positions.empty())
      border = before + positions[at - before];
    borders.push_back(std::max(to_at + border, borders.back()));
  }
}

}  // namespace

byte_string encode(const patch& change) {
  const auto leaf = change.successor.value_or(0);
  const std::uint32_t link = (leaf & leaf_mask) | (change.successor ? successor_flag : 0) |
                             (leaf > leaf_mask ? long_flag : 0) | (change.moved ? moved_flag : 0);
  byte_string bytes;
  for (const auto value : {change.offset, change.removed, link})
    bytes.push_back(static_cast<std::uint8_t>(value)), bytes.push_back(static_cast<std::uint8_t>(value >> 8));
  if (leaf > leaf_mask) bytes.push_back(static_cast<std::uint8_t>(leaf >> leaf_bits));
  bytes.insert(bytes.end(), change.inserted.begin(), change.inserted.end());
  return bytes;
}

std::optional<patch> decode_patch(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < patch::header_bytes) return {};
  const auto number = [&](std::size_t at) { return static_cast<std::uint32_t>(bytes[at] | bytes[at + 1] << 8); };
  const std::size_t header = number(4) & long_flag ? patch::header_bytes_max : patch::header_bytes;
  if (bytes.size() < header) return {};
  const auto inserted = bytes.subspan(header);
  patch change{number(0), number(2), {inserted.begin(), inserted.end()}, {}, false};
  if (number(4) & successor_flag) change.successor = number(4) & leaf_mask;
  if (change.successor && header > patch::header_bytes)
    *change.successor |= static_cast<std::uint32_t>(bytes[patch::header_bytes]) << leaf_bits;
  change.moved = number(4) & moved_flag;
  return change;
}

bool apply(const patch& change, byte_string& content) {
  if (change.offset > content.size() || change.removed > content.size() - change.offset) return false;
  const auto at = content.begin() + change.offset;
  const auto from = content.erase(at, at + change.removed);
  content.insert(from, change.inserted.begin(), change.inserted.end());
  return true;
}

patch difference(std::span<const std::uint8_t> from, std::span<const std::uint8_t> to) {
  const auto before = common_prefix(from, to);
  const auto after = common_suffix(from.subspan(before), to.subspan(before));
  const auto inserted = to.subspan(before, to.size() - before - after);
  return {static_cast<std::uint32_t>(before),
          static_cast<std::uint32_t>(from.size() - before - after),
          {inserted.begin(), inserted.end()},
          {},
          false};
}

std::vector<std::size_t> borders_after(std::span<const std::uint8_t> from, std::span<const std::size_t> sizes,
                                       std::span<const std::uint8_t> to) {
  // A block that is found again unchanged is an anchor; only what lies between anchors needs alignment.
  constexpr std::size_t drift_max = 8192;
  const auto text = characters(to);
  const std::string_view all{text.data(), text.size()};
  std::vector<std::size_t> borders{0};
  std::size_t at = 0, stretch_at = 0, stretch_block = 0, to_at = 0;
  const auto close_stretch = [&](std::size_t block, std::size_t to_end) {
    if (block == stretch_block) return;
    if (stretch_block > 0) borders.push_back(to_at);
    align_stretch(from.subspan(stretch_at, at - stretch_at), sizes.subspan(stretch_block, block - stretch_block),
                  to.subspan(to_at, to_end - to_at), to_at, borders);
  };
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto block = characters(from.subspan(at, sizes[i]));
    const auto window = all.substr(to_at, at - stretch_at + drift_max + block.size());
    const auto found =
        block.empty() ? std::string_view::npos : window.find(std::string_view{block.data(), block.size()});
    if (found != std::string_view::npos) {
      close_stretch(i, to_at + found);
      if (i > 0) borders.push_back(to_at + found);
      to_at += found + sizes[i];
      stretch_at = at + sizes[i];
      stretch_block = i + 1;
    }
    at += sizes[i];
  }
  close_stretch(sizes.size(), to.size());
  if (!sizes.empty()) borders.push_back(to.size());
  return borders;
}

}  // namespace chromatin::dna

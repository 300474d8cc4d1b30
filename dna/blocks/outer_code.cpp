#include "dna/blocks/outer_code.hpp"

#include <algorithm>
#include <array>
#include <cmath>

extern "C" {
#include <fec.h>
}

#include "dna/blocks/outer_columns.hpp"

namespace chromatin::dna {
namespace {

using outer::code_for, outer::column_of, outer::dealt, outer::groups_of, outer::length, outer::tag_bytes;

std::optional<block> block_of(const block_id& id, const byte_string& column) {
  const auto tag = static_cast<std::uint32_t>(column[0] | column[1] << 8);
  const auto size = tag & ((1U << length_bits) - 1), kind = tag >> length_bits;
  if (size > column.size() - tag_bytes || kind >= static_cast<std::uint32_t>(block_kind::parity)) return {};
  return block{id, static_cast<block_kind>(kind), {column.begin() + tag_bytes, column.begin() + tag_bytes + size}};
}

}  // namespace

std::uint32_t outer_code::parity_for(std::size_t blocks, double share) {
  if (blocks == 0 || share <= 0) return 0;
  return static_cast<std::uint32_t>(std::max(1.0, std::ceil(static_cast<double>(blocks) * share - 1e-9)));
}

std::vector<byte_string> outer_code::encode(std::span<const block> members, std::uint32_t count,
                                            std::uint32_t content_bytes) {
  std::vector<byte_string> made(count, byte_string(tag_bytes + content_bytes));
  const auto groups = groups_of(members.size() + count);
  for (std::size_t group = 0; group < groups; ++group) {
    std::vector<byte_string> columns;
    for (auto i = group; i < members.size(); i += groups) columns.push_back(column_of(members[i], content_bytes));
    const auto parity = (count + groups - 1 - group) / groups;
    if (parity == 0) continue;
    const auto code = code_for(columns.size(), parity);
    std::array<std::uint8_t, length> symbols{}, checks{};
    for (std::size_t at = 0; at < tag_bytes + content_bytes; ++at) {
      for (std::size_t i = 0; i < columns.size(); ++i) symbols[i] = columns[i][at];
      encode_rs_char(code.get(), symbols.data(), checks.data());
      for (std::size_t i = 0; i < parity; ++i) made[group + i * groups][at] = checks[i];
    }
  }
  return made;
}

std::vector<block> outer_code::restore(std::span<const block_id> ids, std::span<const block* const> members,
                                       std::span<const block* const> parity, std::uint32_t content_bytes) {
  std::vector<block> restored;
  const auto groups = groups_of(ids.size() + parity.size());
  for (std::size_t group = 0; group < groups; ++group) {
    const auto place = dealt(ids, group, groups);
    const auto have = dealt(members, group, groups), checks = dealt(parity, group, groups);
    std::array<int, length> lost{};
    std::size_t erasures = 0;
    bool wanted = false;
    std::vector<byte_string> columns;
    for (std::size_t i = 0; i < have.size() + checks.size(); ++i) {
      const auto* one = i < have.size() ? have[i] : checks[i - have.size()];
      if (!one) {
        wanted = wanted || i < have.size();
        lost[erasures++] = static_cast<int>(i);
        columns.emplace_back(tag_bytes + content_bytes);
      } else {
        columns.push_back(column_of(*one, content_bytes));
      }
    }
    if (!wanted || erasures > checks.size()) continue;
    const auto code = code_for(have.size(), checks.size());
    bool good = true;
    for (std::size_t at = 0; good && at < tag_bytes + content_bytes; ++at) {
      std::array<std::uint8_t, length> symbols{};
      for (std::size_t i = 0; i < columns.size(); ++i) symbols[i] = columns[i][at];
      // libfec writes where it found errors into the list of erasures.
      auto positions = lost;
      good = decode_rs_char(code.get(), symbols.data(), positions.data(), static_cast<int>(erasures)) >= 0;
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const bool missing = i < have.size() ? !have[i] : !checks[i - have.size()];
        // Anything else that changes says that these blocks do not belong together.
        good = good && (missing || columns[i][at] == symbols[i]);
        columns[i][at] = symbols[i];
      }
    }
    for (std::size_t i = 0; good && i < have.size(); ++i)
      if (!have[i])
        if (auto one = block_of(place[i], columns[i])) restored.push_back(std::move(*one));
  }
  return restored;
}

}  // namespace chromatin::dna

#include "dna/partition/transaction.hpp"

#include <fmt/format.h>

namespace chromatin::dna {

std::vector<leaf_run> transaction::allocate(std::uint32_t count, std::string_view path, std::optional<leaf_run> home,
                                            std::optional<leaf_run> near) {
  auto runs = leaves.allocate(count, home, near);
  if (!runs)
    throw partition_full{
        fmt::format("the partition is full: \"{}\" needs {} more leaves, {} are free; put it into another one with "
                    "primers of its own",
                    path, count, leaves.free())};
  return *runs;
}

std::vector<leaf_run> transaction::allocate_blocks(std::uint32_t count, std::string_view path,
                                                   std::optional<leaf_run> home, std::optional<leaf_run> near) {
  // Those that were given back come along with what they held before: only when little else is left. The rest is kept
  // for the journal and for parity, which cannot begin there.
  const auto again = static_cast<std::uint32_t>(given_back.size());
  const auto spare = leaves.free() - std::min(leaves.free(), fresh_kept());
  const auto fresh = std::max(std::min(count, spare), count - std::min(count, again));
  auto runs = allocate(fresh, path, home, near);
  for (auto i = fresh; i < count; ++i) {
    const auto next = given_back.begin();
    bases.insert(*next);
    if (i > fresh && runs.back().end() == next->first)
      ++runs.back().count;  // a run is told in the journal as shortly as a leaf
    else
      runs.push_back({next->first, 1});
    given_back.erase(next);
  }
  return runs;
}

void transaction::write(std::span<const leaf_run> runs, std::span<const std::uint8_t> content) {
  for (const auto& run : runs)
    for (auto leaf = run.first; leaf < run.end(); ++leaf) {
      const auto piece = content.first(std::min<std::size_t>(block_bytes, content.size()));
      content = content.subspan(piece.size());
      const auto again = bases.find(leaf);
      blocks.push_back(
          {{leaf, again == bases.end() ? 0 : again->second}, block_kind::data, {piece.begin(), piece.end()}});
    }
}

void transaction::protect(std::size_t first, std::string_view path, std::optional<leaf_run> home) {
  const auto count = outer_code::parity_for(blocks.size() - first, outer);
  if (count > 0) protect(first, allocate(count, path, home));
}

void transaction::protect(std::size_t first, std::vector<leaf_run> runs) {
  if (runs.empty()) return;
  std::uint32_t count = 0;
  for (const auto& run : runs) count += run.count;
  auto contents = outer_code::encode(std::span{blocks}.subspan(first), count, block_bytes);
  auto next = contents.begin();
  for (const auto& run : runs)
    for (auto leaf = run.first; leaf < run.end(); ++leaf)
      blocks.push_back({{leaf, 0}, block_kind::parity, std::move(*next++)});
  changes.push_back(protect_blocks{std::move(runs)});
}

}  // namespace chromatin::dna

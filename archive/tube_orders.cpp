#include "archive/tube_orders.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace chromatin::archive {

std::uint32_t order_with(const dna::store& tube, std::string_view path) {
  const auto history = tube.contents().history(path);
  if (history.empty()) throw dna::partition_error{fmt::format("there is no {} in the tube's partition", path)};
  auto written = history.back().journal;
  for (const auto& change : history.back().changes)
    written.insert(written.end(), change.blocks.begin(), change.blocks.end());
  const std::set<dna::block_id> commit{written.begin(), written.end()};
  // Of what the commit wrote, the last block: orders are of strands in the order in which they were written.
  const auto& blocks = tube.blocks();
  auto last = blocks.size();
  while (last > 0 && !commit.contains(blocks[last - 1])) --last;
  const auto strand = (last - 1) * tube.layout().geometry().molecules();
  for (const auto& order : tube.orders())
    if (last > 0 && strand >= order.first && strand < order.first + order.strands) return order.number;
  return 0;
}

std::string order_name(std::string_view tube, std::uint32_t number) { return fmt::format("{}-order-{}", tube, number); }

synthesis_order order_of(const dna::store& from, std::string_view tube, std::string_view name) {
  const auto found = std::ranges::find_if(
      from.orders(), [&](const dna::synthesis_order& order) { return order_name(tube, order.number) == name; });
  if (found == from.orders().end())
    throw laboratory_error{fmt::format("{}: it has no order {}", from.folder().string(), name)};
  synthesis_order made{.name = std::string{name}, .tube = std::string{tube}};
  for (auto i = found->first; i < found->first + found->strands; ++i)
    made.strands.push_back({dna::strand_name(from.id(i)), std::string{from.strand(i)}});
  return made;
}

}  // namespace chromatin::archive

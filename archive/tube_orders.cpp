#include "archive/tube_orders.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "archive/synthesis_more.hpp"

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

synthesis_order order_of(const dna::store& from, const archive_job& job) {
  synthesis_order made{.name = job.synthesis, .tube = job.tube};
  const auto add = [&](std::size_t first, std::size_t strands) {
    for (auto i = first; i < first + strands; ++i)
      made.strands.push_back({dna::strand_name(from.id(i)), std::string{from.strand(i)}});
  };
  const auto is_it = [&](const dna::synthesis_order& one) { return order_name(job.tube, one.number) == job.synthesis; };
  if (const auto found = std::ranges::find_if(from.orders(), is_it); found != from.orders().end())
    add(found->first, found->strands);
  else if (syntheses_more(job) == 0)
    throw laboratory_error{fmt::format("{}: it has no order {}", from.folder().string(), job.synthesis)};
  else
    for (const auto& [leaf, version] : job.missing)
      if (const auto at = std::ranges::find(from.blocks(), dna::block_id{leaf, version}); at != from.blocks().end()) {
        const auto molecules = from.layout().geometry().molecules();
        add(static_cast<std::size_t>(at - from.blocks().begin()) * molecules, molecules);
      }
  return made;
}

}  // namespace chromatin::archive

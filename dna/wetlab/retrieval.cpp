#include "dna/wetlab/retrieval.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <stdexcept>
#include <unordered_set>

#include <fmt/format.h>

#include "dna/partition/store.hpp"

namespace chromatin::dna::wetlab {

namespace {

struct named_protocol {
  protocol how;
  std::string_view name;
};
constexpr std::array<named_protocol, 5> protocols{{{protocol::plain, "plain"},
                                                   {protocol::touch_down, "touch-down"},
                                                   {protocol::two_step, "two-step"},
                                                   {protocol::hot_start, "hot-start"},
                                                   {protocol::precise, "precise"}}};

constexpr std::uint32_t outer_levels_above = 2;
constexpr int outer_cycles = 20, inner_cycles = 20, single_cycles = 25, hot_cycles = 15, touch_down_cycles = 10;
constexpr double carried_over = 1e-3;

std::vector<primer> primers_of(const strand_layout& layout, const std::vector<subtree>& nodes) {
  std::vector<primer> made;
  for (const auto& node : nodes) made.push_back({layout.elongated_primer(node)});
  return made;
}

/// Primers of one length melt degrees apart, by their G and C, and those that bind better would copy more in every
/// cycle: there is less of them. In hundredths, as people measure it out.
void balance(pcr_step& step) {
  const auto at = annealing_c(step);
  const auto bound = [&](const primer& one) { return binding(melting_c(one.bases), at, {}); };
  double least = 1;
  for (const auto& one : step.forward) least = std::min(least, bound(one));
  for (auto& one : step.forward) one.concentration = std::round(100 * least / bound(one)) / 100;
}

std::uint32_t coarsest_level(const std::vector<subtree>& nodes) {
  return std::min_element(nodes.begin(), nodes.end(), [](auto& a, auto& b) { return a.level < b.level; })->level;
}

bool of_one_level(const std::vector<subtree>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(), [&](auto& node) { return node.level == nodes.front().level; });
}

/// The nodes of one level that these are below, each once.
std::vector<subtree> ancestors(const address_tree& tree, const std::vector<subtree>& nodes, std::uint32_t level) {
  std::map<std::uint32_t, subtree> found;
  for (const auto& node : nodes) {
    const auto above = tree.above(node.first, level);
    found.emplace(above.first, above);
  }
  std::vector<subtree> made;
  for (const auto& [first, node] : found) made.push_back(node);
  return made;
}

/// Some of a few siblings become their parent as long as that brings at most a quarter more leaves: primers of
/// siblings, which differ in two bases, copy each other's strands.
std::vector<subtree> without_siblings(const address_tree& tree, const std::vector<subtree>& nodes) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<subtree>> families;  // by level and parent
  std::uint32_t leaves = 0;
  for (const auto& node : nodes) {
    leaves += tree.below(node).count;
    const auto parent = node.level == 0 ? 0 : tree.above(node.first, node.level - 1).first;
    families[{node.level, parent}].push_back(node);
  }
  auto spare = leaves / 4;
  std::vector<subtree> made;
  for (const auto& [place, siblings] : families) {
    const auto& [level, parent] = place;
    auto extra = level == 0 ? 0 : tree.below({parent, level - 1}).count;
    for (const auto& one : siblings) extra -= std::min(extra, tree.below(one).count);
    if (level == 0 || siblings.size() == 1 || extra > spare) {
      made.insert(made.end(), siblings.begin(), siblings.end());
    } else {
      spare -= extra;
      made.push_back({parent, level - 1});
    }
  }
  return made;
}

/// Levels between the targets' nearest and the lowest node above both; 0 inside a target.
std::uint32_t distance(const address_tree& tree, const std::vector<subtree>& targets, std::uint32_t leaf) {
  std::uint32_t nearest = tree.levels();
  for (const auto& node : targets) {
    std::uint32_t up = 0;
    while (up < node.level && tree.above(leaf, node.level - up) != tree.above(node.first, node.level - up)) ++up;
    nearest = std::min(nearest, up);
  }
  return nearest;
}

}  // namespace

protocol protocol_of(std::string_view name) {
  for (const auto& one : protocols)
    if (one.name == name) return one.how;
  throw std::invalid_argument{
      fmt::format("\"{}\" is not a protocol: plain, touch-down, two-step, hot-start or precise", name)};
}

std::string_view name_of(protocol how) {
  return std::find_if(protocols.begin(), protocols.end(), [&](const auto& one) { return one.how == how; })->name;
}

std::vector<pcr_step> plan(const strand_layout& layout, const std::vector<subtree>& targets, protocol how) {
  if (targets.empty()) throw std::invalid_argument{"PCR: nothing to amplify"};
  const auto& reverse = layout.partition().primers.reverse;
  std::vector<pcr_step> steps;
  const auto add = [&](const std::vector<subtree>& nodes, int cycles, bool hot, double carried) {
    const auto forward = primers_of(layout, nodes);
    // At a primer's melting temperature half of its sites are bound, and more of a longer one's: together they would
    // copy unevenly there, and go six degrees lower.
    const double below = of_one_level(nodes) ? 0 : 6;
    if (hot) steps.push_back({.forward = forward, .cycles = hot_cycles, .below_melting_c = below, .carried = carried});
    steps.push_back({.forward = forward, .reverse = reverse, .cycles = cycles, .carried = hot ? 1 : carried});
  };
  const auto& tree = layout.addresses();
  const auto nodes = without_siblings(tree, targets);
  const bool hot = how == protocol::hot_start || how == protocol::precise;
  // Primers of several lengths melt at several temperatures: the outer ones stay close to the coarsest.
  const auto above = of_one_level(nodes) ? outer_levels_above : 1;
  const auto coarsest = coarsest_level(nodes);
  const auto outer = ancestors(tree, nodes, coarsest - std::min(coarsest, above));
  if ((how == protocol::two_step || how == protocol::precise) && coarsest > 0) {
    add(outer, outer_cycles, hot, 1);
    add(nodes, inner_cycles, hot, carried_over);
  } else {
    add(nodes, single_cycles, hot, 1);
  }
  if (how == protocol::touch_down) steps.back().touch_down_cycles = touch_down_cycles;
  for (auto& step : steps) balance(step);
  return steps;
}

pcr_result retrieve(const tube& from, const strand_layout& layout, const std::vector<subtree>& targets, protocol how,
                    pooling pots, const pcr_options& options, std::uint64_t seed) {
  if (pots == pooling::one_pot || targets.size() < 2) return amplify(from, plan(layout, targets, how), options, seed);
  pcr_result pooled;
  pooled.product.origins = from.origins;
  for (const auto& target : targets) {
    auto one = amplify(from, plan(layout, {target}, how), options, seed++);
    // What a laboratory can measure is how much there is in each tube.
    const double share = layout.addresses().below(target).count * 1e9 / std::max(one.product.copies(), 1e9);
    for (auto& molecule : one.product.molecules) {
      molecule.copies *= std::min(1.0, share);
      pooled.product.molecules.push_back(std::move(molecule));
    }
    pooled.saturated = pooled.saturated || one.saturated;
    pooled.copies_after = std::move(one.copies_after);
  }
  pooled.product.history = fmt::format("{}, {} PCRs poured together", from.history, targets.size());
  return pooled;
}

std::optional<strand_id> parse_strand_name(std::string_view name) {
  std::array<std::uint32_t, 3> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto dot = i + 1 < numbers.size() ? name.find('.') : name.size();
    if (dot == name.npos) return {};
    const auto [end, error] = std::from_chars(name.data(), name.data() + dot, numbers[i]);
    if (error != std::errc{} || end != name.data() + dot) return {};
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  return strand_id{numbers[0], numbers[1], numbers[2]};
}

tube synthesise_partition(const strand_layout& layout, const std::vector<std::string>& strands,
                          const synthesis_options& options, std::uint64_t seed) {
  std::vector<std::string> names;
  const auto outside = layout.head().size() + layout.tail().size();
  for (const auto& strand : strands) {
    const auto inner = strand.size() < outside
                           ? std::string_view{}
                           : std::string_view{strand}.substr(layout.head().size(), strand.size() - outside);
    const auto parsed = layout.parse(inner);
    if (!parsed || parsed->edits > 0)
      throw std::invalid_argument{fmt::format("strand {} is not of this partition", names.size() + 1)};
    names.push_back(strand_name(parsed->id));
  }
  return synthesise(strands, names, options, seed);
}

double composition::copies() const {
  double sum = foreign;
  for (const auto& row : by_distance) sum += row.copies;
  return sum;
}

double composition::on_target_share() const { return copies() > 0 ? by_distance.front().copies / copies() : 0; }

composition compose(const tube& content, const strand_layout& layout, const std::vector<subtree>& targets) {
  composition made;
  const auto& tree = layout.addresses();
  made.by_distance.resize(tree.levels() + 1);
  for (std::uint32_t i = 0; i < made.by_distance.size(); ++i) made.by_distance[i].distance = i;
  std::vector<std::optional<strand_id>> ids;
  for (const auto& name : content.origins) ids.push_back(parse_strand_name(name));
  std::unordered_set<std::uint32_t> counted;
  for (const auto& one : content.molecules) {
    const auto& id = ids.at(one.origin);
    if (!id || id->leaf >= tree.leaves()) {
      made.foreign += one.copies;
      continue;
    }
    auto& row = made.by_distance[distance(tree, targets, id->leaf)];
    row.strands += counted.insert(one.origin).second;
    row.copies += one.copies;
    const auto at = layout.head().size() + layout.geometry().sync.size();
    if (one.bases.compare(at, tree.address_nt(), tree.bases(id->leaf)) != 0) row.rewritten += one.copies;
  }
  return made;
}

}  // namespace chromatin::dna::wetlab

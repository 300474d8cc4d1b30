#include "dna/wetlab/retrieval.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <stdexcept>
#include <unordered_set>

#include <fmt/format.h>

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

/// The nodes `up` levels above, each once.
std::vector<subtree> ancestors(const address_tree& tree, const std::vector<subtree>& nodes, std::uint32_t up) {
  std::set<std::pair<std::uint32_t, std::uint32_t>> found;
  for (const auto& node : nodes) {
    const auto level = node.level - std::min(node.level, up);
    found.emplace(level, node.first - node.first % tree.leaves_below(level));
  }
  std::vector<subtree> made;
  for (const auto& [level, first] : found) made.push_back({first, level});
  return made;
}

/// Levels between the targets' nearest and the lowest node above both; 0 inside a target.
std::uint32_t distance(const address_tree& tree, const std::vector<subtree>& targets, std::uint32_t leaf) {
  std::uint32_t nearest = tree.levels();
  for (const auto& node : targets) {
    std::uint32_t up = 0;
    while (up < node.level &&
           leaf / tree.leaves_below(node.level - up) != node.first / tree.leaves_below(node.level - up))
      ++up;
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
    if (hot) steps.push_back({.forward = forward, .cycles = hot_cycles, .below_melting_c = 0, .carried = carried});
    steps.push_back({.forward = forward, .reverse = reverse, .cycles = cycles, .carried = hot ? 1 : carried});
  };
  const bool hot = how == protocol::hot_start || how == protocol::precise;
  const auto outer = ancestors(layout.addresses(), targets, outer_levels_above);
  if ((how == protocol::two_step || how == protocol::precise) && outer != targets) {
    add(outer, outer_cycles, hot, 1);
    add(targets, inner_cycles, hot, carried_over);
  } else {
    add(targets, single_cycles, hot, 1);
  }
  if (how == protocol::touch_down) steps.back().touch_down_cycles = touch_down_cycles;
  return steps;
}

std::string strand_name(const strand_id& id) {
  return fmt::format("leaf{}.version{}.molecule{}", id.leaf, id.version, id.molecule);
}

std::optional<strand_id> parse_strand_name(std::string_view name) {
  const auto take = [&](std::string_view label) -> std::optional<std::uint32_t> {
    if (!name.starts_with(label)) return {};
    std::uint32_t number = 0;
    const auto* begin = name.data() + label.size();
    const auto [end, error] = std::from_chars(begin, name.data() + name.size(), number);
    if (error != std::errc{}) return {};
    name.remove_prefix(static_cast<std::size_t>(end - name.data()));
    return number;
  };
  const auto leaf = take("leaf");
  const auto version = leaf ? take(".version") : std::nullopt;
  const auto molecule = version ? take(".molecule") : std::nullopt;
  if (!molecule || !name.empty()) return {};
  return strand_id{*leaf, *version, *molecule};
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
    if (one.bases.compare(at, 2 * tree.levels(), tree.bases(id->leaf)) != 0) row.rewritten += one.copies;
  }
  return made;
}

}  // namespace chromatin::dna::wetlab

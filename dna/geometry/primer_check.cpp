#include "dna/geometry/primer_check.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace chromatin::dna {

bool primer_check::usable() const { return std::max({hairpin_c, self_dimer_c, dimer_c}) < primer3::structure_max_c; }

std::vector<subtree> all_nodes(const address_tree& addresses) {
  std::vector<subtree> nodes;
  for (const auto& one : addresses.nodes()) nodes.push_back({one.leaves.first, one.level});
  return nodes;
}

std::vector<primer_check> check_primers(const strand_layout& layout, std::span<const subtree> nodes,
                                        const primer3& programs,
                                        const std::function<void(std::size_t done)>& progress) {
  constexpr std::size_t at_once = 64;
  std::vector<primer_check> checks;
  for (std::size_t begin = 0; begin < nodes.size(); begin += at_once) {
    std::vector<std::string> primers;
    std::vector<std::pair<std::string, std::string>> with_self, with_other;
    const auto some = nodes.subspan(begin, std::min(at_once, nodes.size() - begin));
    for (const auto& node : some) {
      primers.push_back(layout.elongated_primer(node));
      with_self.emplace_back(primers.back(), primers.back());
      with_other.emplace_back(primers.back(), layout.partition().primers.reverse);
    }
    const auto melting = programs.melting_points(primers), hairpins = programs.hairpins(primers),
               selves = programs.dimers(with_self), others = programs.dimers(with_other);
    for (std::size_t i = 0; i < some.size(); ++i)
      checks.push_back({some[i], primers[i], melting[i], hairpins[i], selves[i], others[i]});
    if (progress) progress(checks.size());
  }
  return checks;
}

namespace {

class detour {
 public:
  detour(const strand_layout& layout, const primer3& programs, const std::function<bool(const subtree&)>& occupied,
         std::vector<std::string>& said)
      : layout_{layout}, programs_{programs}, occupied_{occupied}, said_{said} {}

  /// For a node whose primer is known to be poor.
  void around(const subtree& node) {
    if (!layout_.addresses().children(node).empty())
      split(node);
    else
      climb(node);
  }

  std::vector<subtree> take() {
    std::sort(made.begin(), made.end(),
              [](const auto& a, const auto& b) { return a.first != b.first ? a.first < b.first : a.level < b.level; });
    // One that was climbed to holds others.
    std::vector<subtree> kept;
    for (const auto& node : made)
      if (kept.empty() || node.first >= layout_.addresses().below(kept.back()).end()) kept.push_back(node);
    return kept;
  }

  std::vector<subtree> made;

 private:
  bool usable(const subtree& node) {
    const std::vector<subtree> one{node};
    return check_primers(layout_, one, programs_).front().usable();
  }
  std::string name(const subtree& node) const { return fmt::format("leaf {} level {}", node.first, node.level); }

  void split(const subtree& node) {
    said_.push_back(fmt::format("{}: its primer has a hairpin or dimer above {:.0f} °C; those below it are taken",
                                name(node), primer3::structure_max_c));
    for (const auto& child : layout_.addresses().children(node)) {
      if (!occupied_(child)) continue;
      if (usable(child))
        made.push_back(child);
      else
        around(child);
    }
  }

  void climb(const subtree& leaf) {
    // Two levels up sixteen times as much would come along.
    for (auto level = leaf.level; level-- > 0 && level + 2 >= leaf.level;) {
      const auto above = layout_.addresses().above(leaf.first, level);
      if (!usable(above)) continue;
      said_.push_back(
          fmt::format("{}: its primer has a hairpin or dimer above {:.0f} °C; {} is taken, which brings {} leaves",
                      name(leaf), primer3::structure_max_c, name(above), layout_.addresses().below(above).count));
      made.push_back(above);
      return;
    }
    said_.push_back(
        fmt::format("{}: its primer has a hairpin or dimer above {:.0f} °C, and so have those above it: anneal warmer",
                    name(leaf), primer3::structure_max_c));
    made.push_back(leaf);
  }

  const strand_layout& layout_;
  const primer3& programs_;
  const std::function<bool(const subtree&)>& occupied_;
  std::vector<std::string>& said_;
};

}  // namespace

std::vector<subtree> usable_nodes(const strand_layout& layout, std::span<const subtree> nodes, const primer3& programs,
                                  const std::function<bool(const subtree&)>& occupied, std::vector<std::string>& said) {
  detour way{layout, programs, occupied, said};
  for (const auto& one : check_primers(layout, nodes, programs))
    if (one.usable())
      way.made.push_back(one.node);
    else
      way.around(one.node);
  return way.take();
}

std::size_t poor_prefixes(const strand_layout& layout, const primer3& programs) {
  std::vector<std::string> primers;
  for (const auto& node : all_nodes(layout.addresses()))
    if (node.level <= 3 || (layout.addresses().below(node).count == 1 && node.first % 16 == 0))
      primers.push_back(layout.elongated_primer(node));
  const auto hairpins = programs.hairpins(primers);
  return static_cast<std::size_t>(std::count_if(hairpins.begin(), hairpins.end(),
                                                [](double melting) { return melting >= primer3::structure_max_c; }));
}

std::vector<primer_pair> design_checked_primers(std::size_t count, std::uint32_t primer_nt, std::uint64_t seed,
                                                const primer3& programs,
                                                const std::function<void(std::size_t done)>& progress) {
  std::vector<std::string> accepted;
  const auto accept = [&](std::string_view primer) {
    const std::vector<std::string> one{std::string{primer}};
    if (const auto melting = programs.melting_points(one)[0]; melting < 58.5 || melting > 61.5) return false;
    if (programs.hairpins(one)[0] > 35) return false;
    std::vector<std::pair<std::string, std::string>> pairs{{one[0], one[0]}};
    for (const auto& other : accepted) pairs.emplace_back(one[0], other);
    const auto dimers = programs.dimers(pairs);
    if (*std::max_element(dimers.begin(), dimers.end()) > 25) return false;
    accepted.push_back(one[0]);
    if (progress) progress(accepted.size() / 2);
    return true;
  };
  profile geometry;
  geometry.primer_nt = primer_nt;
  std::vector<std::pair<std::size_t, primer_pair>> ranked;
  for (const auto& pair : design_primers(count, primer_nt, seed, {}, accept)) {
    const primer_pair turned{pair.reverse, pair.forward};
    const auto poor = poor_prefixes(strand_layout{describe(geometry, pair)}, programs),
               poor_turned = poor_prefixes(strand_layout{describe(geometry, turned)}, programs);
    ranked.emplace_back(std::min(poor, poor_turned), poor <= poor_turned ? pair : turned);
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<primer_pair> pairs;
  for (auto& [poor, pair] : ranked) pairs.push_back(std::move(pair));
  return pairs;
}

}  // namespace chromatin::dna

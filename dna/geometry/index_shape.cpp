#include "dna/geometry/index_shape.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <xxhash.h>

namespace chromatin::dna {
namespace {

/// A tree as it is put together: children by name, which sorts them.
struct growing {
  std::map<std::string, std::unique_ptr<growing>> children;
  std::uint32_t leaves = 0;  ///< of a file; its blocks are no nodes yet
  leaf_run run;
};

/// `count` leaves below a node, in fours of fours, so that few primers bring a range of blocks.
void split(growing& file, std::uint32_t count) {
  if (count <= 1) return;
  std::uint32_t size = 1;
  while (size * 4 < count) size *= 4;
  for (std::uint32_t done = 0; done < count; done += size) {
    auto child = std::make_unique<growing>();
    split(*child, std::min(size, count - done));
    file.children.emplace(fmt::format("{:04}", done), std::move(child));
  }
}

void grow_levels(growing& node, const std::vector<std::uint32_t>& fan_out, std::size_t level) {
  if (level == fan_out.size()) return;
  for (std::uint32_t i = 0; i < fan_out[level]; ++i) {
    auto child = std::make_unique<growing>();
    grow_levels(*child, fan_out, level + 1);
    node.children.emplace(fmt::format("{:04}", i), std::move(child));
  }
}

std::uint32_t number_leaves(growing& node, std::uint32_t first) {
  node.run.first = first;
  if (node.children.empty()) ++first;
  for (auto& [name, child] : node.children) first = number_leaves(*child, first);
  node.run.count = first - node.run.first;
  return first;
}

std::vector<index_node> flat(const growing& root) {
  std::vector<index_node> nodes{{root.run, 0, 0, 0, 0, 0}};
  std::vector<const growing*> grown{&root};
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    nodes[i].first_child = static_cast<std::uint32_t>(nodes.size());
    nodes[i].children = static_cast<std::uint32_t>(grown[i]->children.size());
    const auto here = nodes[i];
    for (const auto& [name, child] : grown[i]->children) {
      nodes.push_back({child->run, here.level + 1, i, 0, 0, here.nt + edge_nt(here.children)});
      grown.push_back(child.get());
    }
  }
  return nodes;
}

void check_fan_out(const std::vector<std::uint32_t>& fan_out) {
  std::uint64_t leaves = 1;
  for (const auto one : fan_out) {
    if (one < 2 || one > 512)
      throw std::invalid_argument{fmt::format("index: {} children of a node, but it must be 2 to 512", one)};
    leaves = std::min<std::uint64_t>(leaves * one, index_shape::leaves_max + 1);
  }
  if (leaves < 4 || leaves > index_shape::leaves_max)
    throw std::invalid_argument{fmt::format("index: it must have 4 to {} leaves", index_shape::leaves_max)};
}

void collect(const growing& node, const std::string& path, std::vector<std::pair<std::string, leaf_run>>& places) {
  if (!path.empty()) places.emplace_back(path, node.run);
  if (node.leaves > 0) return;
  for (const auto& [name, child] : node.children) collect(*child, path.empty() ? name : path + "/" + name, places);
}

}  // namespace

/// Of the words of that length that are two bases apart, a fourth of all, half may be unfit where they come to stand.
std::uint32_t edge_nt(std::uint32_t children) {
  if (children < 2) return 0;
  if (children <= 4) return 2;
  std::uint32_t nt = 3, words = 8;
  while (words < children) words *= 4, ++nt;
  return nt;
}

index_shape index_shape::finished(data made) {
  for (const auto& node : made.nodes) made.address_nt = std::max(made.address_nt, node.nt);
  if (made.nodes.front().leaves.count > leaves_max)
    throw std::invalid_argument{
        fmt::format("index: {} leaves, but at most {} are possible", made.nodes.front().leaves.count, leaves_max)};
  if (made.address_nt > address_nt_max)
    throw std::invalid_argument{fmt::format(
        "index: addresses of {} bases, but at most {} are possible: fewer levels, or fewer entries a directory",
        made.address_nt, address_nt_max)};
  index_shape shape;
  shape.data_ = std::make_shared<const data>(std::move(made));
  return shape;
}

index_shape index_shape::of_levels(std::vector<std::uint32_t> fan_out) {
  check_fan_out(fan_out);
  growing root;
  grow_levels(root, fan_out, 0);
  number_leaves(root, 0);
  data made;
  made.nodes = flat(root);
  made.fan_out = std::move(fan_out);
  return finished(std::move(made));
}

index_shape index_shape::of_hash(std::vector<std::uint32_t> fan_out) {
  if (fan_out.size() < 2)
    throw std::invalid_argument{"index: a hash index has at least two levels, the last its buckets'"};
  auto shape = of_levels(std::move(fan_out));
  auto made = *shape.data_;
  made.what = kind::hash;
  return finished(std::move(made));
}

index_shape index_shape::of_files(file_leaves files) {
  constexpr std::uint32_t journal_leaves = 16;
  std::sort(files.begin(), files.end());
  growing root;
  // No file can be called that, and it sorts before all.
  split(*root.children.emplace("", std::make_unique<growing>()).first->second, journal_leaves);
  root.children.begin()->second->leaves = journal_leaves;
  for (const auto& [path, leaves] : files) {
    auto* node = &root;
    for (std::size_t at = 0; at <= path.size();) {
      const auto slash = std::min(path.find('/', at), path.size());
      if (slash == at) throw std::invalid_argument{fmt::format("index: path \"{}\" has an empty name", path)};
      if (node->leaves > 0) throw std::invalid_argument{fmt::format("index: \"{}\" is below a file", path)};
      auto& next = node->children[path.substr(at, slash - at)];
      if (!next) next = std::make_unique<growing>();
      node = next.get();
      at = slash + 1;
    }
    if (node->leaves > 0 || !node->children.empty())
      throw std::invalid_argument{fmt::format("index: \"{}\" is there twice", path)};
    if (leaves < 1 || leaves > leaves_max)
      throw std::invalid_argument{
          fmt::format("index: \"{}\" has {} leaves, but it must be 1 to {}", path, leaves, leaves_max)};
    node->leaves = leaves;
    split(*node, leaves);
  }
  if (files.empty()) throw std::invalid_argument{"index: no files"};
  number_leaves(root, 0);
  data made;
  made.what = kind::directories;
  made.nodes = flat(root);
  collect(root, "", made.places);
  std::sort(made.places.begin(), made.places.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  made.files = std::move(files);
  return finished(std::move(made));
}

std::vector<index_node> index_shape::quaternary_nodes(std::uint32_t levels) {
  growing root;
  grow_levels(root, std::vector<std::uint32_t>(levels, 4), 0);
  number_leaves(root, 0);
  return flat(root);
}

std::optional<leaf_run> index_shape::place_of(std::string_view path) const {
  if (what() == kind::hash) {
    const auto& all = data_->nodes;
    const auto buckets_level = static_cast<std::uint32_t>(data_->fan_out.size()) - 1;
    const auto first =
        std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.level == buckets_level; });
    const auto end = std::find_if(first, all.end(), [&](const auto& one) { return one.level > buckets_level; });
    // What is below the root's first child is the journal's.
    const auto free =
        std::find_if(first, end, [&](const auto& one) { return one.leaves.first >= all[1].leaves.end(); });
    const auto hash = XXH3_64bits(path.data(), path.size());
    return (free + static_cast<std::ptrdiff_t>(hash % static_cast<std::uint64_t>(end - free)))->leaves;
  }
  if (what() != kind::directories) return {};
  // A new file goes to its directory.
  for (;;) {
    const auto found = std::lower_bound(data_->places.begin(), data_->places.end(), path,
                                        [](const auto& one, std::string_view wanted) { return one.first < wanted; });
    if (found != data_->places.end() && found->first == path) return found->second;
    const auto slash = path.rfind('/');
    if (slash == path.npos) return {};
    path = path.substr(0, slash);
  }
}

bool index_shape::operator==(const index_shape& other) const {
  if (data_ == other.data_) return true;
  if (!data_ || !other.data_) return false;
  return what() == other.what() && fan_out() == other.fan_out() && files() == other.files();
}

}  // namespace chromatin::dna

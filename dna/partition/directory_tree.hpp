#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dna/partition/journal.hpp"
#include "dna/geometry/profile.hpp"

namespace chromatin::dna {

/// One block of a file: its data and the patches after it, up to the last that the file's commit has.
struct file_block {
  std::uint32_t leaf = 0;
  std::uint32_t last = 0;  ///< version slot of the last patch, or of the data if there is none
  std::uint32_t base = 0;  ///< slot of the data: above 0 where another file had given the leaf back

  std::uint32_t patches() const { return last - base; }

  bool operator==(const file_block&) const = default;
};

struct tree_node {
  node_id parent = 0;
  std::string name;
  bool directory = false;
  std::uint64_t size_bytes = 0;
  std::uint32_t checksum = 0;
  std::uint32_t commit = 0;  ///< that changed it last
  bool compressed = false;   ///< size, checksum and blocks are those of a zstd frame
  std::vector<file_block> blocks;
  std::vector<leaf_run> own;  ///< subtrees that are a directory's alone
};

/// Splits "alice/chapter-01.txt" into names. Throws journal_error for a path that is empty, absolute, leaves the
/// partition ("..") or has a name that a file system could not take.
std::vector<std::string> path_names(std::string_view path);

/// Directories and files as the journal leaves them after some commits. A value.
class directory_tree {
 public:
  explicit directory_tree(const profile& geometry) : leaves_{geometry.leaves()}, slots_{geometry.versions()} {}

  /// The next commit. Throws journal_error where it does not fit what is there (the tree is then of no use).
  void apply(const recorded_commit& commit);
  /// An operation of a commit in the making.
  void apply(const operation& one) {
    std::visit([this](const auto& what) { apply_one(what); }, one);
  }

  std::uint32_t last_commit() const { return last_commit_; }
  const std::vector<tree_node>& nodes() const { return nodes_; }
  const tree_node& node(node_id id) const { return nodes_.at(id); }
  std::string path(node_id id) const;
  std::optional<node_id> find(std::string_view path) const;
  std::optional<node_id> child(node_id directory, std::string_view name) const;
  bool below(node_id id, node_id directory) const;

  /// Leaves whose block is part of no file any more, with the slot that another block can begin in: at least one more
  /// is left for a patch.
  const std::map<std::uint32_t, std::uint32_t>& given_back() const { return given_back_; }

 private:
  void apply_one(const make_directory& made);
  void apply_one(const put_file& put);
  void apply_one(const update_file& update);
  void apply_one(const protect_blocks& protect);
  void apply_one(const own_leaves& own);
  void add(tree_node node);
  void check(const std::vector<leaf_run>& runs) const;
  std::vector<file_block> take(const std::vector<leaf_run>& runs);
  void give_back(const file_block& block);

  std::uint32_t leaves_, slots_;
  std::map<std::uint32_t, std::uint32_t> given_back_;
  std::uint32_t last_commit_ = 0;
  std::vector<tree_node> nodes_{tree_node{0, "", true, 0, 0, 0, false, {}, {}}};
};

}  // namespace chromatin::dna

#pragma once

/// What the parts of a check share.

#include <map>
#include <optional>
#include <set>
#include <unordered_set>

#include "io/chunk_store.hpp"
#include "io/fsck/fsck.hpp"

namespace chromatin::io::fsck {

/// Where the catalogue says that chunks are.
struct chunk_places {
  kv::geometry shape;
  slot_layout layout;  ///< with as many slots as the segment files hold
};

/// One model's cache in the store.
struct cache_part {
  std::filesystem::path folder;
  std::string prefix;                    ///< of its files' names in findings
  std::optional<chunk_places> places;    ///< when the catalogue is sound as a whole
  std::optional<kv::fingerprint> model;  ///< as well
};

/// One look at everything.
struct run {
  const options& wanted;
  std::set<std::string> believed;  ///< where a look before this one found something, too: that may be repaired
  bool believes_all = false;       ///< since a file was made anew from what could be read
  report found;

  std::vector<cache_part> caches;
  std::map<std::string, kv::hash128> salts;                ///< by tenant
  std::optional<std::unordered_set<kv::chunk_key>> named;  ///< chunks that conversations name, when all could be read

  /// The second look, which may write.
  bool writes() const { return !believed.empty(); }
  /// Whether what is wrong there is to be repaired now. A look that only looks believes nothing yet.
  bool repairs(const std::string& where) const { return believes_all || believed.contains(where); }
  std::filesystem::path file(const std::string& name) const { return wanted.folder / name; }
  void damage(const std::string& where, const std::string& what, const std::string& repair = {}) {
    found.findings.push_back({kind::damage, where, what, repair});
  }
  void note(const std::string& where, const std::string& what, const std::string& repair = {}) {
    found.findings.push_back({kind::note, where, what, repair});
  }
  void progress(const std::string& what, std::uint64_t done, std::uint64_t all) const {
    if (wanted.progress) wanted.progress(what, done, all);
  }
};

void check_files(run& r);
/// First, since they say which models the caches are of.
void check_descriptions(run& r);
void check_registry(run& r);
void check_catalogs(run& r);

/// Copies every row of registry.sqlite that can be read into a new file, which takes its place; the old one is put
/// aside. Returns its new name. Throws sqlite_error and open_error.
std::string salvage_registry(const std::filesystem::path& folder);

}  // namespace chromatin::io::fsck

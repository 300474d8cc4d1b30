#pragma once

/// The partitions of all tenants in one folder, each a store of dna/ (`chromatin dna ls` works on it) that stands for a
/// tube. A tenant's are numbered; what is new goes into the last one. One thread at a time.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dna/partition/store.hpp"

namespace chromatin::archive {

/// What was written to tubes ever.
struct tube_figures {
  std::uint64_t tubes = 0, strands = 0, blocks = 0;
  double synthesis_dollars = 0;  ///< at the profile's prices
};

class tubes {
 public:
  /// Makes the folder if need be. Throws dna::store_error, also for a profile without directory_journals: a
  /// conversation is to be read without all others.
  tubes(std::filesystem::path folder, dna::profile geometry);

  /// A tenant's, the first one first. Names go to the laboratory and do not tell the tenant's.
  std::vector<std::string> of(std::string_view tenant) const;
  std::vector<std::string> all() const;
  /// The newest of a tenant's that has this directory; empty where none has.
  std::string with(std::string_view tenant, std::string_view directory);
  /// A new one behind the tenant's last. Throws dna::store_error where no pair of primers is left.
  std::string add(std::string_view tenant);

  tube_figures figures() const;

  /// Opened for writing, and kept open until others were used more. Throws what dna::store::open throws.
  dna::store& at(const std::string& name);

  /// They are read anew when they are next wanted.
  void close() { open_.clear(); }

  static constexpr std::size_t open_max = 4;

 private:
  struct opened {
    dna::store store;
    std::uint64_t used;
  };
  dna::store& keep(const std::string& name, dna::store store);

  std::filesystem::path folder_;
  dna::profile geometry_;
  std::map<std::string, opened> open_;
  std::uint64_t uses_ = 0;
};

}  // namespace chromatin::archive

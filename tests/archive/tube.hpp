#pragma once

/// A partition's store in a folder of its own, and what a laboratory makes of it.

#include "archive/fields.hpp"
#include "archive/laboratory.hpp"
#include "dna/partition/store.hpp"
#include "dna/reads/pipeline.hpp"
#include "dna/wetlab/retrieval.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::archive {

inline byte_string text_bytes(std::string_view text) { return {text.begin(), text.end()}; }

/// As much text as so many blocks hold.
inline byte_string long_text(std::size_t bytes, char letter) {
  byte_string made;
  while (made.size() < bytes) made.push_back(static_cast<std::uint8_t>(letter + made.size() % 7 + made.size() / 256));
  return made;
}

class tube_folder {
 public:
  tube_folder() : store_{dna::store::create(folder_ / "tube", description())} {}

  dna::store& store() { return store_; }

  void put(const std::string& path, byte_string content) {
    store_.put(std::vector<dna::new_file>{{path, std::move(content)}});
  }

  /// Everything that was written and not ordered yet; it is ordered from now on.
  synthesis_order next_order(const std::string& name) {
    synthesis_order order{.name = name, .tube = "tube"};
    for (auto i = store_.ordered(); i < store_.strand_count(); ++i)
      order.strands.push_back({dna::strand_name(store_.id(i)), std::string{store_.strand(i)}});
    store_.mark_ordered();
    return order;
  }

  /// What brings a path and, so that it can be read by itself, the journal.
  sequencing_order recall(const std::string& name, const std::string& path, std::uint64_t reads,
                          dna::wetlab::protocol how = dna::wetlab::protocol::precise) {
    auto leaves = store_.contents().leaves_of("/");
    const auto more = store_.contents().leaves_of(path);
    leaves.insert(leaves.end(), more.begin(), more.end());
    std::sort(leaves.begin(), leaves.end());
    leaves.erase(std::unique(leaves.begin(), leaves.end()), leaves.end());
    return {name, "tube", dna::wetlab::plan(store_.layout(), store_.contents().prefixes(leaves), how), reads};
  }

  /// The partition as the reads of these orders tell it.
  dna::partition decode(laboratory& from, const std::vector<std::string>& orders, lab_time now) {
    std::vector<dna::read> reads;
    for (const auto& name : orders) from.read(name, now, [&](const dna::read& one) { reads.push_back(one); });
    dna::pipeline reading{{&store_.codec()}, 1};
    std::size_t at = 0;
    reading.add([&](dna::read& one) {
      if (at == reads.size()) return false;
      one = reads[at++];
      return true;
    });
    outcomes = reading.decode();
    std::vector<dna::block> blocks;
    for (const auto& one : outcomes)
      if (one.decoded) blocks.push_back(*one.decoded);
    return dna::partition{store_.layout().partition(), std::move(blocks)};
  }

  std::vector<dna::block_outcome> outcomes;  ///< of what was decoded last

 private:
  static dna::partition_description description() {
    return dna::describe(dna::profile{}, {"AACCGTGTTGCAGTCTGATC", "TCAGGATACCGTTGACGTCA"});
  }

  test::temporary_folder folder_;
  dna::store store_;
};

}  // namespace chromatin::archive

#include "apps/dna/tube_reading.hpp"

#include <algorithm>
#include <stdexcept>

#include "apps/dna/open_store.hpp"
#include "dna/partition/files.hpp"
#include "dna/partition/journal_end.hpp"
#include "dna/partition/store.hpp"

namespace chromatin::dna {
namespace {

/// The store's journals of directories of which something was read.
void add_known_journals(const known_tube& from, const std::string& only, std::vector<block>& blocks) {
  std::vector<block> added;
  for (const auto& [name, one] : from.directories) {
    if (name.empty() || (!only.empty() && name != only)) continue;
    const bool read =
        std::any_of(blocks.begin(), blocks.end(), [&](const auto& each) { return contains(one.own, each.id.leaf); });
    if (read) added.insert(added.end(), one.journal.begin(), one.journal.end());
  }
  blocks.insert(blocks.end(), added.begin(), added.end());
}

/// What is known of where journals end, from the store or from the reads.
commit_knowledge knowledge_of(const known_tube& from, std::size_t number, const pipeline& reading,
                              const partition& found, std::vector<block_outcome>& outcomes) {
  commit_knowledge known{from.commits, {}, {}};
  if (!from.layout->geometry().directory_journals) {
    if (known.commits == found.last_commit()) return known;
    reading.explain(number, outcomes);
    known.doubt = doubt_of_end(found, outcomes);
    return known;
  }
  reading.explain(number, outcomes);
  for (const auto& [name, one] : found.journals()) {
    const auto stored = from.directories.find(name);
    if (stored != from.directories.end())
      known.directories[name].last_commit = stored->second.last_commit;
    else
      known.directories[name].doubt = doubt_of_end(found, outcomes, name);
  }
  return known;
}

}  // namespace

known_tube::known_tube(const std::filesystem::path& given) : name{given} {
  const auto file = std::filesystem::is_directory(given) ? given / "partition.toml" : given;
  if (!std::filesystem::exists(file))
    throw std::runtime_error{file.string() + ": cannot be read; name a store or its partition.toml"};
  const auto text = read_file(file);
  layout = std::make_unique<strand_layout>(description_from_toml(text, file.string()));
  codec = std::make_unique<block_codec>(*layout);
  if (const auto note = contents_from_toml(text, file.string())) commits = note->commits;
  if (!std::filesystem::exists(given / "oligos.fa")) return;
  const auto opened = open_store(given, store::access::read);
  const auto& known = opened.contents();
  commits = known.last_commit();
  if (!layout->geometry().directory_journals) {
    for (const auto& [id, one] : known.blocks())
      if (is_of_journal(one.kind)) journal.push_back(one);
    return;
  }
  for (const auto& [called, one] : known.journals()) {
    auto& into = directories[called];
    into.own = one.own();
    into.last_commit = one.last_commit();
    for (const auto& id : one.blocks()) into.journal.push_back(known.blocks().at(id));
  }
}

std::vector<std::string> read_all(pipeline& reading, const std::vector<std::filesystem::path>& files,
                                  const std::vector<std::filesystem::path>& pair, io::progress_line& line) {
  std::vector<std::string> damaged;
  const auto progress = [&](std::uint64_t done) { line.show(done); };
  const auto attempt = [&](auto&& read) {
    const auto before = reading.counts().reads;
    try {
      read();
    } catch (const reads_error& error) {
      if (reading.counts().reads == before) throw;
      damaged.emplace_back(error.what());
    }
  };
  for (const auto& file : files) attempt([&] { reading.add(file, progress); });
  if (!pair.empty()) attempt([&] { reading.add_pairs(pair[0], pair[1], progress); });
  return damaged;
}

decoded_partition decode_tube(const known_tube& from, std::size_t number, const pipeline& reading,
                              const std::string& only, io::progress_line& line) {
  decoded_partition made;
  made.directory_journals = from.layout->geometry().directory_journals;
  made.outcomes = reading.decode(number, erasure_use::full,
                                 [&](std::size_t done, std::size_t all) { line.show("blocks", done, all); });
  auto [blocks, parts] = blocks_of(made.outcomes);
  for (const auto& one : blocks) made.own_journal = made.own_journal || is_of_journal(one.kind);
  made.store_journal = !from.journal.empty() || !from.directories.empty();
  blocks.insert(blocks.end(), from.journal.begin(), from.journal.end());
  add_known_journals(from, only, blocks);
  const partition found{from.layout->partition(), std::move(blocks), parts};
  // Where everything written is known, reads of anything else are strays.
  if (found.journal_damage().empty() && from.commits == found.last_commit() && found.has_all_to(*from.commits)) {
    const auto written = found.written();
    for (auto& one : made.outcomes) one.trace = one.trace || (!one.decoded && !written.contains(one.id));
  }
  made.found = recover(found, knowledge_of(from, number, reading, found, made.outcomes), only);
  if (const auto of = found.journals().find(only); !only.empty() && of != found.journals().end())
    std::erase_if(made.outcomes, [&](const auto& one) { return !of->second.owns(one.id.leaf); });
  return made;
}

}  // namespace chromatin::dna

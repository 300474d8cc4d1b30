/// chromatin dna init: an empty store.

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/dna/dna.hpp"
#include "dna/geometry/motifs.hpp"
#include "dna/partition/files.hpp"
#include "io/progress.hpp"

namespace chromatin::dna {
namespace {

struct init_flags {
  store_flags store;
  std::string profile = "150nt", seed, outer, index;
  std::vector<std::string> avoid;
  int pair = -1;
  primer_pair primers;
};

std::vector<std::uint32_t> numbers_of(std::string_view text) {
  std::vector<std::uint32_t> numbers;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    numbers.push_back(parse_block_range(std::string{text.substr(0, comma)}).first);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return numbers;
}

/// "levels:16,16,4", "hash:16,16,4", or a folder whose directories and files are the index; each file may grow by a
/// quarter in place.
index_shape index_of(const std::string& text, const profile& geometry) try {
  if (text.starts_with("levels:")) return index_shape::of_levels(numbers_of(std::string_view{text}.substr(7)));
  if (text.starts_with("hash:")) return index_shape::of_hash(numbers_of(std::string_view{text}.substr(5)));
  auto folder = std::filesystem::absolute(text).lexically_normal();
  if (folder.filename().empty()) folder = folder.parent_path();
  if (!std::filesystem::is_directory(folder))
    throw std::runtime_error{
        fmt::format("--index {}: it must be levels:16,16,4 or hash:16,16,4 or a folder to take as it is", text)};
  index_shape::file_leaves files;
  for (const auto& one : std::filesystem::recursive_directory_iterator{folder}) {
    if (!one.is_regular_file()) continue;
    const auto blocks = (one.file_size() + geometry.block_bytes() - 1) / geometry.block_bytes();
    const auto parity = static_cast<std::uint64_t>(std::ceil(static_cast<double>(blocks) * geometry.outer));
    files.emplace_back(one.path().lexically_relative(folder.parent_path()).generic_string(),
                       static_cast<std::uint32_t>(
                           std::clamp<std::uint64_t>((blocks + parity) * 5 / 4, 1, index_shape::leaves_max + 1)));
  }
  return index_shape::of_files(std::move(files));
} catch (const std::invalid_argument& error) {
  throw std::runtime_error{fmt::format("--index {}: {}", text, error.what())};
}

profile geometry_of(const init_flags& flags) {
  const auto& name = flags.profile;
  auto found = name.ends_with(".toml") ? profile_from_toml(read_file(name), name) : built_in_profile(name);
  found.avoid.insert(found.avoid.end(), flags.avoid.begin(), flags.avoid.end());
  if (!flags.outer.empty())
    found.outer = profile_from_toml(fmt::format("[profile]\nouter = \"{}\"\n", flags.outer), "--outer").outer;
  if (!flags.index.empty()) found.index = index_of(flags.index, found);
  return found;
}

/// Whether blocks can be written at all under these limits: some are, at leaves all over the tree.
void check_feasible(const block_codec& codec) {
  const auto& g = codec.geometry();
  constexpr std::uint32_t samples = 32;
  // The journal begins there.
  for (std::uint32_t leaf = 0; leaf < (g.outer > 0 ? 2U : 1U); ++leaf)
    if (address_has_motif(codec.layout(), leaf))
      throw std::runtime_error{
          fmt::format("the address of leaf {} has a motif to be avoided: choose another pair", leaf)};
  for (std::uint32_t i = 0; i < samples; ++i) {
    const block one{
        {i * (g.leaves() / std::min(g.leaves(), samples)) % g.leaves(), i % g.versions()}, block_kind::data, {}};
    if (address_has_motif(codec.layout(), one.id.leaf)) continue;
    try {
      codec.encode(one);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error{
          fmt::format("{}: of {} blocks tried, this one cannot be written: widen gc or homopolymer_max, avoid fewer "
                      "motifs, or shorten the payload",
                      error.what(), samples)};
    }
  }
}

/// A pair of the library: the one of this number, or the first that no store in the same parent folder has.
primer_pair pair_of(const init_flags& flags) {
  const auto library = primer_library();
  if (flags.pair >= 0) {
    if (static_cast<std::size_t>(flags.pair) >= library.size())
      throw std::runtime_error{fmt::format("the library has pairs 0 to {}", library.size() - 1)};
    return library[static_cast<std::size_t>(flags.pair)];
  }
  const auto parent = std::filesystem::absolute(flags.store.folder).lexically_normal().parent_path();
  const auto unused = std::find_if(library.begin(), library.end(),
                                   [&](const auto& pair) { return store_with_primers(parent, pair).empty(); });
  if (unused == library.end())
    throw std::runtime_error{"every pair of the library has its store here: name primers with --forward and --reverse"};
  return *unused;
}

void init(const init_flags& flags) {
  const auto geometry = geometry_of(flags);
  const bool own = !flags.primers.forward.empty() || !flags.primers.reverse.empty();
  const auto primers = own ? flags.primers : pair_of(flags);
  auto description = describe(geometry, primers);
  if (!flags.seed.empty()) description.seed = std::stoull(flags.seed, nullptr, 16);
  const auto made = io::waiting("checking the address tree", [&] {
    const strand_layout layout{description};
    check_feasible(block_codec{layout});
    return store::create(flags.store.folder, description);
  });
  const auto& g = made.layout().geometry();
  if (flags.store.json) {
    nlohmann::ordered_json out{{"store", flags.store.folder.string()},
                               {"profile", g.name},
                               {"forward", primers.forward},
                               {"reverse", primers.reverse},
                               {"strand_nt", g.strand_nt()},
                               {"leaves", g.leaves()},
                               {"block_bytes", g.block_bytes()},
                               {"bits_per_nt", g.bits_per_nt()},
                               {"bits_per_nt_without_primers", g.bits_per_nt_without_primers()}};
    fmt::print("{}\n", out.dump(2));
    return;
  }
  fmt::print("{}: strands of {} nt, {} blocks of {} bytes, {:.2f} bits per nucleotide ({:.2f} without primers)\n",
             flags.store.folder.string(), g.strand_nt(), g.leaves(), g.block_bytes(), g.bits_per_nt(),
             g.bits_per_nt_without_primers());
  fmt::print("primers: {} and {}\n", primers.forward, primers.reverse);
}

}  // namespace

void add_init_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("init", "Make an empty store: one partition with primers of its own");
  auto flags = std::make_shared<init_flags>();
  add_store_flags(*command, flags->store);
  command->add_option("--profile", flags->profile, "150nt, 200nt, poor, archive, or a TOML file")
      ->capture_default_str();
  command->add_option("--outer", flags->outer, "parity across blocks, such as 10% (default: as the profile says)");
  command->add_option(
      "--index", flags->index,
      "shape of the address tree (default: four children a node): levels:16,16,4 children on each level; "
      "hash:16,16,4 the same, a path's hash tells its place; or a folder, whose tree is taken as it is");
  command->add_option("--avoid", flags->avoid, "motifs that no strand may have, such as restriction sites: GAATTC");
  auto* pair =
      command->add_option("--pair", flags->pair, "number of a pair of the primer library (default: the first unused)");
  auto* forward = command->add_option("--forward", flags->primers.forward, "primers of your own, 5' to 3'");
  auto* reverse = command->add_option("--reverse", flags->primers.reverse);
  forward->needs(reverse)->excludes(pair);
  reverse->needs(forward);
  command->add_option("--seed", flags->seed, "of the address tree, hexadecimal (default: from the primers)")
      ->check([](const std::string& text) {
        const bool good =
            !text.empty() && text.size() <= 16 && text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
        return good ? "" : "must be up to 16 hexadecimal digits";
      });
  command->callback([flags] { init(*flags); });
}

}  // namespace chromatin::dna

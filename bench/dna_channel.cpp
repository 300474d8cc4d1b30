/// Our strands through somebody else's channel: a command that makes reads of a file of strands.

#include <cstdlib>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/dna.hpp"
#include "dna/partition/partition.hpp"
#include "dna/reads/pipeline.hpp"
#include "io/temporary_folder.hpp"

namespace chromatin::bench {

nlohmann::ordered_json dna_channel(const dna_setup& setup) {
  using namespace dna;
  if (setup.tool.empty()) {
    fmt::print(
        "\nan independent channel: none is named (--tool COMMAND; it gets a FASTA of strands and writes reads)\n");
    return {{"skipped", true}};
  }
  io::temporary_folder folder{std::filesystem::temp_directory_path()};
  const auto strands = folder.path() / "strands.fa", reads = folder.path() / "reads";
  nlohmann::ordered_json json;
  fmt::print("\nan independent channel (measured on its reads): {}\n  {:<18}{:>9}{:>9}{:>9}{:>14}{:>8}\n", setup.tool,
             "profile", "strands", "reads", "blocks", "with outer", "wrong");
  auto with_outer = dna_layout().geometry();
  with_outer.name = "150nt, outer 10%";
  with_outer.outer = 0.1;
  for (const auto& geometry : {dna_layout().geometry(), with_outer, built_in_profile("poor")}) {
    const strand_layout layout{describe(geometry, dna_layout().partition().primers)};
    const block_codec codec{layout};
    partition written{layout.partition()};
    const std::vector<new_file> file{{"file", {setup.text.begin(), setup.text.begin() + 60 * geometry.block_bytes()}}};
    std::size_t count = 0;
    {
      std::ofstream out{strands};
      for (const auto& one : written.put(file))
        for (const auto& strand : codec.encode(one)) out << ">" << count++ << "\n" << strand << "\n";
    }
    const auto command = fmt::format("{} '{}' '{}'", setup.tool, strands.string(), reads.string());
    if (std::system(command.c_str()) != 0) throw std::runtime_error{"--tool: failed: " + command};
    pipeline reading{{&codec}, setup.threads};
    reading.add(reads);
    const auto [decoded, parts] = blocks_of(reading.decode());
    std::size_t right = 0, wrong = 0, whole = 0;
    for (const auto& one : decoded) {
      const auto known = written.blocks().find(one.id);
      const bool same = known != written.blocks().end() && known->second == one;
      wrong += !same;
      right += same && one.kind == block_kind::data;
    }
    const partition found{layout.partition(), decoded, parts};
    const auto stored = written.find("file");
    for (const auto& part : stored->blocks) whole += found.blocks().contains({part.leaf, 0});
    fmt::print("  {:<18}{:>9}{:>9}{:>6}/60{:>11}/60{:>8}\n", geometry.name, count, reading.counts().reads, right, whole,
               wrong);
    json.push_back({{"profile", geometry.name},
                    {"strands", count},
                    {"reads", reading.counts().reads},
                    {"right", right},
                    {"right_with_outer", whole},
                    {"wrong", wrong}});
  }
  return json;
}

}  // namespace chromatin::bench

#include "archive/spool_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kv/chunk.hpp"

namespace chromatin::archive {
namespace {

std::string checksum_of(const std::string& description) {
  return kv::to_string(kv::hash(std::as_bytes(std::span{description})));
}

std::string name_of(const std::vector<dna::ordered_oligo>& primers, const std::string& bases) {
  return std::ranges::find(primers, bases, &dna::ordered_oligo::bases)->name;
}

std::string line_of(const dna::wetlab::pcr_step& step, const std::vector<dna::ordered_oligo>& primers) {
  std::string forward;
  for (const auto& primer : step.forward) {
    forward += fmt::format("{}{}", forward.empty() ? "" : ", ", name_of(primers, primer.bases));
    if (primer.concentration != 1) forward += fmt::format(" at {:g} times the concentration", primer.concentration);
  }
  auto text = fmt::format("{} cycles with {} forward and {}; ", step.cycles, forward,
                          step.reverse.empty() ? "no reverse primer" : name_of(primers, step.reverse) + " reverse");
  text += fmt::format("annealing {:g} C below the lowest melting temperature of its primers", step.below_melting_c);
  if (step.touch_down_cycles > 0)
    text += fmt::format(", in the first {} cycles from {:g} C above that down to it", step.touch_down_cycles,
                        step.touch_down_from_c);
  return text;
}

constexpr std::string_view ending = R"(
Where it cannot be done, write why into a file `refused` in this folder.
Leave the other files here as they are: order.txt tells whether this is the order that was given.
)";

}  // namespace

std::vector<dna::ordered_oligo> primers_of(const sequencing_order& what) {
  std::vector<dna::ordered_oligo> all;
  const auto add = [&](const std::string& bases) {
    if (bases.empty() || std::ranges::find(all, bases, &dna::ordered_oligo::bases) != all.end()) return;
    all.push_back({fmt::format("primer-{}", all.size() + 1), bases});
  };
  for (const auto& step : what.steps) {
    for (const auto& primer : step.forward) add(primer.bases);
    add(step.reverse);
  }
  return all;
}

std::string readme_of(const synthesis_order& what) {
  return fmt::format(R"(Order {0}: {1} strands for the tube {2}

1. Have the strands of strands.csv synthesised (strands.fa has the same ones). Their primers are part of them.
2. When they have come, make them double-stranded and pour them into the tube {2}, so that there is as much
   of each of them as of each strand that is in it already.
3. Then make a file `done` in this folder: touch done
{3})",
                     what.name, what.strands.size(), what.tube, ending);
}

std::string readme_of(const sequencing_order& what) {
  const auto primers = primers_of(what);
  auto text = fmt::format(R"(Order {0}: a PCR on the tube {1}, and {2} reads of its product

1. Have the primers of primers.csv at hand (primers.fa has the same ones).
2. Take a sample of the tube {1} and run the PCR:
)",
                          what.name, what.tube, what.reads);
  for (std::size_t i = 0; i < what.steps.size(); ++i) {
    const auto& step = what.steps[i];
    const auto from = step.carried == 1 ? std::string{"all"} : fmt::format("a share of {:g}", step.carried);
    text +=
        fmt::format("   step {}, on {} of {}: {}\n", i + 1, from,
                    i == 0 ? std::string{"the sample"} : fmt::format("what step {} made", i), line_of(step, primers));
  }
  text += fmt::format(
      R"(3. Sequence the product: {} reads. A read has to reach over the whole strand: merge the mates of a paired run.
4. Put the files of reads into the folder `reads` here: FASTQ, FASTA, SAM, BAM or CRAM, gzip or not. All of them count.
5. When they are all there, and not before, make a file `done` in this folder: touch done
{})",
      what.reads, ending);
  return text;
}

std::string summary_of(const synthesis_order& what) {
  return fmt::format("order {}\nkind synthesis\ntube {}\nstrands {}\nchecksum {}\n", what.name, what.tube,
                     what.strands.size(), checksum_of(description_of(what)));
}

std::string summary_of(const sequencing_order& what) {
  return fmt::format("order {}\nkind sequencing\ntube {}\nreads {}\nchecksum {}\n", what.name, what.tube, what.reads,
                     checksum_of(description_of(what)));
}

}  // namespace chromatin::archive

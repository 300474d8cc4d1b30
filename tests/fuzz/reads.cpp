// A file of reads: FASTQ and all that is told apart from it.

#include "dna/reads/reads.hpp"
#include "tests/fuzz/input.hpp"

using namespace chromatin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const test::temporary_folder folder;
  auto file = folder / "reads.fq";
  fuzz::write_file(file, fuzz::text_of(data, size));
  try {
    dna::read_source source{file};
    dna::read r;
    std::size_t count = 0;
    while (source.next(r)) {
      fuzz::must(r.quality.empty() || r.quality.size() == r.bases.size());
      fuzz::must(++count <= size);
    }
  } catch (const dna::reads_error& e) {
    fuzz::must(!std::string_view{e.what()}.empty());
  }
  return 0;
}

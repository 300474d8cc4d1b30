// A partition in a folder: its description, strands and orders.

#include "dna/geometry/profile.hpp"
#include "dna/partition/store.hpp"
#include "dna/reads/reads.hpp"
#include "tests/fuzz/input.hpp"

using namespace chromatin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::temporary_folder folder;
  fuzz::write_files(folder.path(), fuzz::text_of(data, size));
  try {
    auto store = dna::store::open(folder.path(), dna::store::access::read);
    const auto& contents = store.contents();
    contents.damage();
    for (const auto& entry : contents.list()) try {
        contents.get(entry.path);
      } catch (const dna::partition_error&) {
      }
    contents.history();
    for (std::size_t i = 0; i < store.strand_count(); ++i) dna::strand_name(store.id(i));
    for (const auto& order : store.orders()) fuzz::must(order.first + order.strands <= store.strand_count());
  } catch (const dna::store_error& e) {
  } catch (const dna::profile_error& e) {
  } catch (const dna::partition_error& e) {
  } catch (const dna::reads_error& e) {
  }
  return 0;
}

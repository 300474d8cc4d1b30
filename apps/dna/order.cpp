/// chromatin dna order: strands for a synthesis house.

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/dna/dna.hpp"
#include "dna/partition/order.hpp"

namespace chromatin::dna {
namespace {

struct order_flags {
  store_flags store;
  std::filesystem::path out;
  bool all = false;
};

void order(const order_flags& flags) {
  auto from = store::open(flags.store.folder, store::access::write);
  const auto first = flags.all ? 0 : from.ordered();
  if (first == from.strand_count())
    throw std::runtime_error{
        fmt::format("nothing is new since order {}: --all writes what was ordered before", from.orders().size())};
  std::vector<ordered_oligo> oligos;
  for (auto i = first; i < from.strand_count(); ++i)
    oligos.push_back({strand_name(from.id(i)), std::string{from.strand(i)}});
  write_order(flags.out, oligos);
  if (!flags.all) from.mark_ordered();
  const auto length = from.layout().geometry().strand_nt();
  if (flags.store.json) {
    nlohmann::ordered_json out{{"file", flags.out.string()},
                               {"strands", oligos.size()},
                               {"strand_nt", length},
                               {"nt", oligos.size() * length},
                               {"order", flags.all ? 0 : from.orders().size()}};
    fmt::print("{}\n", out.dump(2));
    return;
  }
  fmt::print("{}: {} strands of {} nt{}\n", flags.out.string(), oligos.size(), length,
             flags.all ? ", everything" : fmt::format(", order {}", from.orders().size()));
}

}  // namespace

void add_order_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("order", "Write the strands that are new since the last order, for synthesis");
  auto flags = std::make_shared<order_flags>();
  add_store_flags(*command, flags->store);
  command->add_option("--out", flags->out, "file to write: .fa for FASTA, .csv for name,sequence")->required();
  command->add_flag("--all", flags->all, "everything, also what was ordered before; counts as no order");
  command->callback([flags] { order(*flags); });
}

}  // namespace chromatin::dna

/// chromatin dna order: strands for a synthesis house.

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/dna/dna.hpp"
#include "apps/dna/open_store.hpp"
#include "dna/partition/files.hpp"
#include "dna/partition/order.hpp"
#include "io/progress.hpp"

namespace chromatin::dna {
namespace {

struct order_flags {
  store_flags store;
  std::filesystem::path out;
  bool all = false;
  std::string house;
};

/// What brings the strands of all orders to the same concentration, where each came as a pool of the same concentration
/// in all: an order's share of the volume is its share of the strands.
std::vector<std::pair<std::uint32_t, double>> volumes_of(const std::vector<synthesis_order>& orders) {
  std::vector<std::pair<std::uint32_t, double>> volumes;
  for (const auto& one : orders)
    volumes.emplace_back(one.number, static_cast<double>(one.strands) / static_cast<double>(orders.front().strands));
  return volumes;
}

std::size_t write_strands(const order_flags& flags, const store& from, std::size_t first) {
  std::vector<ordered_oligo> oligos;
  for (auto i = first; i < from.strand_count(); ++i)
    oligos.push_back({strand_name(from.id(i)), std::string{from.strand(i)}});
  if (flags.house.empty())
    write_order(flags.out, oligos);
  else
    replace_file(flags.out, pool_list(oligos, flags.store.folder.filename().string(), flags.house));
  return oligos.size();
}

void order(const order_flags& flags) {
  auto from = open_store(flags.store.folder, store::access::write);
  const auto first = flags.all ? 0 : from.ordered();
  if (first == from.strand_count())
    throw std::runtime_error{
        fmt::format("nothing is new since order {}: --all writes what was ordered before", from.orders().size())};
  const auto strands = io::waiting("writing " + flags.out.string(), [&] { return write_strands(flags, from, first); });
  if (!flags.all) from.mark_ordered();
  const auto length = from.layout().geometry().strand_nt();
  if (flags.store.json) {
    nlohmann::ordered_json out{{"file", flags.out.string()},
                               {"strands", strands},
                               {"strand_nt", length},
                               {"nt", strands * length},
                               {"order", flags.all ? 0 : from.orders().size()}};
    for (const auto& [number, volume] : volumes_of(from.orders()))
      out["mix"].push_back({{"order", number}, {"volume", volume}});
    fmt::print("{}\n", out.dump(2));
    return;
  }
  fmt::print("{}: {} strands of {} nt{}\n", flags.out.string(), strands, length,
             flags.all ? ", everything" : fmt::format(", order {}", from.orders().size()));
  if (flags.all || from.orders().size() < 2) return;
  fmt::print("to mix them at the same concentration of each strand, if the pools have the same in all:\n");
  for (const auto& [number, volume] : volumes_of(from.orders()))
    fmt::print("  order {}: {:.4g} volume{} to 1 of order 1\n", number, volume, volume == 1 ? "" : "s");
}

}  // namespace

void add_order_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("order", "Write the strands that are new since the last order, for synthesis");
  auto flags = std::make_shared<order_flags>();
  add_store_flags(*command, flags->store);
  command->add_option("--out", flags->out, "file to write: .fa for FASTA, .csv for name,sequence")->required();
  command->add_option("--pool-list", flags->house, "in the columns of a synthesis house: idt or twist")
      ->check(CLI::IsMember({"idt", "twist"}));
  command->add_flag("--all", flags->all, "everything, also what was ordered before; counts as no order");
  command->callback([flags] { order(*flags); });
}

}  // namespace chromatin::dna

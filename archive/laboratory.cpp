#include "archive/laboratory.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace chromatin::archive {
namespace {

constexpr std::size_t name_chars_max = 100;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

void check_names(std::string_view order, std::string_view tube) {
  for (auto name : {order, tube})
    if (!is_order_name(name))
      throw laboratory_error{fmt::format(
          "\"{}\" cannot be the name of an order or a tube: letters a-z and digits, and - . _ between them", name)};
}

bool is_strand(std::string_view bases) {
  return !bases.empty() && bases.find_first_not_of("ACGT") == std::string_view::npos;
}

}  // namespace

bool is_order_name(std::string_view name) {
  if (name.empty() || name.size() > name_chars_max || !is_letter(name.front()) || !is_letter(name.back())) return false;
  return std::ranges::all_of(name, [](char c) { return is_letter(c) || c == '-' || c == '.' || c == '_'; });
}

void check_order(const synthesis_order& what) {
  check_names(what.name, what.tube);
  if (what.strands.empty()) throw laboratory_error{fmt::format("order {}: no strand is ordered", what.name)};
  for (const auto& strand : what.strands)
    if (!is_strand(strand.bases))
      throw laboratory_error{fmt::format("order {}: strand \"{}\" is not made of A, C, G, T", what.name, strand.name)};
}

void check_order(const sequencing_order& what) {
  check_names(what.name, what.tube);
  if (what.reads == 0) throw laboratory_error{fmt::format("order {}: no read is asked for", what.name)};
  if (what.steps.empty()) throw laboratory_error{fmt::format("order {}: it has no PCR", what.name)};
  for (const auto& step : what.steps) {
    bool sound = !step.forward.empty() && (step.reverse.empty() || is_strand(step.reverse));
    for (const auto& primer : step.forward) sound = sound && is_strand(primer.bases);
    if (!sound) throw laboratory_error{fmt::format("order {}: a primer is missing, or not made of bases", what.name)};
  }
}

std::string description_of(const synthesis_order& what) {
  return fmt::format("synthesis\ntube {}\n{}", what.tube, dna::fasta_of(what.strands));
}

std::string description_of(const sequencing_order& what) {
  auto text = fmt::format("sequencing\ntube {}\nreads {}\n", what.tube, what.reads);
  for (const auto& step : what.steps) {
    text +=
        fmt::format("step {} cycles, {} below melting, {} touch-down from {}, {} carried, reverse {}\n", step.cycles,
                    step.below_melting_c, step.touch_down_cycles, step.touch_down_from_c, step.carried, step.reverse);
    for (const auto& primer : step.forward) text += fmt::format("forward {} {}\n", primer.concentration, primer.bases);
  }
  return text;
}

}  // namespace chromatin::archive

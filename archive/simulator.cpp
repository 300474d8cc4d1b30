#include "archive/simulator.hpp"

#include <fmt/format.h>

#include "dna/wetlab/sequencer.hpp"
#include "kv/chunk.hpp"

namespace chromatin::archive {

using namespace dna::wetlab;

simulator_options::simulator_options() = default;

simulator_options simulator_options::of(const error_profile& profile) {
  simulator_options options;
  options.synthesis = as_measured(profile, 0);
  options.errors = profile;
  return options;
}

/// Each order has chances of its own, whatever was ordered before it.
std::uint64_t simulator::seed_of(std::string_view name) const {
  return kv::hash(std::as_bytes(std::span{name}), {0, options_.seed}).low;
}

void simulator::check_new(const std::string& name, const std::string& description) const {
  const auto synthesis = syntheses_.find(name);
  const auto sequencing = sequencings_.find(name);
  const bool other = (synthesis != syntheses_.end() && description_of(synthesis->second.what) != description) ||
                     (sequencing != sequencings_.end() && description_of(sequencing->second.what) != description);
  if (other)
    throw laboratory_error{fmt::format("order {}: there is another one of that name; give it a new one", name)};
}

void simulator::order(const synthesis_order& what, lab_time now) {
  check_order(what);
  check_new(what.name, description_of(what));
  syntheses_.try_emplace(what.name, given<synthesis_order>{what, now});
}

void simulator::order(const sequencing_order& what, lab_time now) {
  check_order(what);
  check_new(what.name, description_of(what));
  if (!sequencings_.contains(what.name)) tube_at(what.tube, now);  // so that it is refused at once
  sequencings_.try_emplace(what.name, given<sequencing_order>{what, now});
}

lab_answer simulator::look(std::string_view name, lab_time now) {
  const auto answer = [now](lab_time end) {
    return lab_answer{now < end ? lab_progress::under_way : lab_progress::done, end, "simulated"};
  };
  if (auto found = syntheses_.find(name); found != syntheses_.end())
    return answer(found->second.at + options_.synthesis_time);
  if (auto found = sequencings_.find(name); found != sequencings_.end())
    return answer(found->second.at + options_.sequencing_time);
  return {};
}

tube simulator::tube_at(const std::string& name, lab_time when) const {
  tube all;
  for (const auto& [order, one] : syntheses_) {
    if (one.what.tube != name || one.at + options_.synthesis_time > when) continue;
    std::vector<std::string> strands, names;
    for (const auto& strand : one.what.strands) {
      strands.push_back(strand.bases);
      names.push_back(strand.name);
    }
    auto next = synthesise(strands, names, options_.synthesis, seed_of(order));
    all = all.origins.empty() ? std::move(next) : mix(all, next);
  }
  if (all.origins.empty())
    throw laboratory_error{fmt::format("nothing is in the tube {} yet: what was ordered for it has not come", name)};
  return all;
}

void simulator::read(std::string_view name, lab_time now, const std::function<void(const dna::read&)>& take) {
  const auto found = sequencings_.find(name);
  if (found == sequencings_.end() || look(name, now).progress != lab_progress::done)
    throw laboratory_error{fmt::format("order {} has no reads yet", name)};
  const auto& [what, at] = found->second;
  const auto seed = seed_of(name);
  const auto product = amplify(tube_at(what.tube, at), what.steps, options_.pcr, seed).product;
  sequence(product, what.reads, options_.errors, options_.coverage_variation, seed + 1, take);
}

}  // namespace chromatin::archive

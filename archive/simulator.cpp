#include "archive/simulator.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace chromatin::archive {

using namespace dna::wetlab;

namespace {

kv::hash128 hash_of(const auto& order) {
  const auto text = description_of(order);
  return kv::hash(std::as_bytes(std::span{text}));
}

}  // namespace

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

bool simulator::is_new(const std::string& name, const said& what) const {
  const auto strands = syntheses_.find(name);
  const auto reads = sequencings_.find(name);
  const bool other = (strands != syntheses_.end() && strands->second.what != what) ||
                     (reads != sequencings_.end() && reads->second.what != what);
  if (other)
    throw laboratory_error{fmt::format("order {}: there is another one of that name; give it a new one", name)};
  return strands == syntheses_.end() && reads == sequencings_.end();
}

void simulator::order(const synthesis_order& what, lab_time now) {
  check_order(what);
  const auto description = hash_of(what);
  if (!is_new(what.name, description)) return;
  std::vector<std::string> strands, names;
  for (const auto& strand : what.strands) {
    strands.push_back(strand.bases);
    names.push_back(strand.name);
  }
  syntheses_.emplace(what.name, synthesis{description, now, what.tube,
                                          synthesise(strands, names, options_.synthesis, seed_of(what.name))});
}

void simulator::order(const sequencing_order& what, lab_time now) {
  check_order(what);
  const auto description = hash_of(what);
  if (!is_new(what.name, description)) return;
  check_tube(what.tube, now);  // so that it is refused at once
  sequencings_.emplace(what.name, sequencing{description, now, what});
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

void simulator::check_tube(const std::string& name, lab_time when) const {
  const auto holds = [&](const auto& one) { return one.second.tube == name && has_come(one.second, when); };
  if (std::ranges::none_of(syntheses_, holds))
    throw laboratory_error{fmt::format("nothing is in the tube {} yet: what was ordered for it has not come", name)};
}

tube simulator::tube_at(const std::string& name, lab_time when) const {
  tube all;
  for (const auto& [order, one] : syntheses_)
    if (one.tube == name && has_come(one, when)) pour(one.made, all);
  return all;
}

const sequencing_run& simulator::run_of(const sequencing& one) {
  const auto& what = one.order;
  if (const auto known = std::ranges::find(remembered_, what.name, [](const auto& run) { return run.first; });
      known != remembered_.end()) {
    remembered_.splice(remembered_.begin(), remembered_, known);
    return known->second;
  }
  const auto seed = seed_of(what.name);
  const auto product = amplify(tube_at(what.tube, one.at), what.steps, options_.pcr, options_.sampling, seed).product;
  remembered_.emplace_front(what.name, draw_molecules(product, what.reads, options_.coverage_variation, seed + 1));
  return remembered_.front().second;
}

void simulator::read(std::string_view name, lab_time now, const std::function<void(const dna::read&)>& take) {
  const auto found = sequencings_.find(name);
  if (found == sequencings_.end() || look(name, now).progress != lab_progress::done)
    throw laboratory_error{fmt::format("order {} has no reads yet", name)};
  read_molecules(run_of(found->second), options_.errors, take);
  std::size_t reads = 0;
  const auto first_too_many = std::ranges::find_if(remembered_, [&](const auto& run) {
    reads += run.second.reads.size();
    return reads > options_.reads_remembered_max;
  });
  remembered_.erase(first_too_many, remembered_.end());
}

}  // namespace chromatin::archive

#include "archive/kept_simulator.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dna/partition/files.hpp"

namespace chromatin::archive {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;
using dna::wetlab::pcr_step;

json to_json(const synthesis_order& what) {
  json strands = json::array();
  for (const auto& one : what.strands) strands.push_back({one.name, one.bases});
  return {{"kind", "synthesis"}, {"name", what.name}, {"tube", what.tube}, {"strands", std::move(strands)}};
}

json to_json(const pcr_step& step) {
  json forward = json::array();
  for (const auto& one : step.forward) forward.push_back({one.bases, one.concentration});
  return {{"forward", std::move(forward)},
          {"reverse", step.reverse},
          {"cycles", step.cycles},
          {"below_melting_c", step.below_melting_c},
          {"touch_down_cycles", step.touch_down_cycles},
          {"touch_down_from_c", step.touch_down_from_c},
          {"carried", step.carried}};
}

json to_json(const sequencing_order& what) {
  json steps = json::array();
  for (const auto& step : what.steps) steps.push_back(to_json(step));
  return {{"kind", "sequencing"},
          {"name", what.name},
          {"tube", what.tube},
          {"reads", what.reads},
          {"steps", std::move(steps)}};
}

synthesis_order synthesis_of(const json& from) {
  synthesis_order made{from.at("name"), from.at("tube"), {}};
  for (const auto& one : from.at("strands")) made.strands.push_back({one.at(0), one.at(1)});
  return made;
}

sequencing_order sequencing_of(const json& from) {
  sequencing_order made{from.at("name"), from.at("tube"), {}, from.at("reads")};
  for (const auto& one : from.at("steps")) {
    pcr_step step{.reverse = one.at("reverse"),
                  .cycles = one.at("cycles"),
                  .below_melting_c = one.at("below_melting_c"),
                  .touch_down_cycles = one.at("touch_down_cycles"),
                  .touch_down_from_c = one.at("touch_down_from_c"),
                  .carried = one.at("carried")};
    for (const auto& primer : one.at("forward")) step.forward.push_back({primer.at(0), primer.at(1)});
    made.steps.push_back(std::move(step));
  }
  return made;
}

}  // namespace

kept_simulator::kept_simulator(fs::path folder, simulator_options options)
    : folder_{std::move(folder)}, model_{std::move(options)} {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw laboratory_error{fmt::format("{}: {}", folder_.string(), error.message())};
  load();
}

/// In the order in which they were given: reads are of what was in the tube by then.
void kept_simulator::load() {
  std::vector<std::pair<std::int64_t, json>> all;
  for (const auto& entry : fs::directory_iterator{folder_}) {
    if (entry.path().extension() != ".json" || entry.path().filename().string().starts_with('.')) continue;
    try {
      auto order = json::parse(dna::read_file(entry.path()));
      const std::int64_t at = order.at("at");
      all.emplace_back(at, std::move(order));
    } catch (const json::exception& e) {
      throw laboratory_error{
          fmt::format("{}: no order of a simulated laboratory: {}", entry.path().string(), e.what())};
    }
  }
  std::ranges::sort(all, {}, [](const auto& one) {
    return std::pair{one.first, one.second.at("kind") != "synthesis"};
  });
  for (const auto& [at, order] : all) {
    const lab_time given{std::chrono::seconds{at}};
    if (order.at("kind") == "synthesis")
      model_.order(synthesis_of(order), given);
    else
      model_.order(sequencing_of(order), given);
  }
}

template <class Order>
void kept_simulator::take(const Order& what, lab_time now) {
  check_order(what);
  if (model_.look(what.name, now).progress != lab_progress::unknown) return model_.order(what, now);
  auto kept = to_json(what);
  kept["at"] = now.time_since_epoch().count();
  const auto file = folder_ / (what.name + ".json"), hidden = folder_ / ('.' + what.name + ".json");
  dna::replace_file(hidden, kept.dump(1));  // whatever fails now, both the model and the folder have it, or neither
  model_.order(what, now);
  fs::rename(hidden, file);
  dna::sync_folder(folder_);
}

void kept_simulator::order(const synthesis_order& what, lab_time now) { take(what, now); }

void kept_simulator::order(const sequencing_order& what, lab_time now) { take(what, now); }

}  // namespace chromatin::archive

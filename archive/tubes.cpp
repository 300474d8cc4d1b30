#include "archive/tubes.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "dna/geometry/description.hpp"
#include "dna/geometry/primers.hpp"
#include "dna/partition/files.hpp"
#include "kv/chunk.hpp"

namespace chromatin::archive {
namespace {

namespace fs = std::filesystem;

std::string name_of(std::string_view tenant, std::size_t number) {
  return fmt::format("{:016x}-{}", kv::hash(std::as_bytes(std::span{tenant}), {}).low, number);
}

}  // namespace

tubes::tubes(fs::path folder, dna::profile geometry) : folder_{std::move(folder)}, geometry_{std::move(geometry)} {
  if (!geometry_.directory_journals)
    throw dna::store_error{fmt::format("profile {} has no directory_journals: an archive needs them", geometry_.name)};
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw dna::store_error{fmt::format("{}: {}", folder_.string(), error.message())};
}

std::vector<std::string> tubes::of(std::string_view tenant) const {
  std::vector<std::string> names;
  for (auto name = name_of(tenant, 1); fs::exists(folder_ / name); name = name_of(tenant, names.size() + 1))
    names.push_back(std::move(name));
  return names;
}

std::vector<std::string> tubes::all() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{folder_})
    if (fs::exists(entry.path() / "partition.toml")) names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

std::string tubes::with(std::string_view tenant, std::string_view directory) {
  const auto names = of(tenant);
  const auto found = std::find_if(names.rbegin(), names.rend(),
                                  [&](const auto& name) { return at(name).contents().find(directory).has_value(); });
  return found == names.rend() ? std::string{} : *found;
}

std::string tubes::add(std::string_view tenant) {
  const auto name = name_of(tenant, of(tenant).size() + 1);
  const auto library = dna::primer_library();
  const auto unused =
      std::ranges::find_if(library, [&](const auto& pair) { return dna::store_with_primers(folder_, pair).empty(); });
  if (unused == library.end())
    throw dna::store_error{
        fmt::format("{}: all {} pairs of primers have a partition here; what is to be archived needs another folder",
                    folder_.string(), library.size())};
  keep(name, dna::store::create(folder_ / name, dna::describe(geometry_, *unused)));
  return name;
}

tube_figures tubes::figures() const {
  tube_figures sum;
  for (const auto& name : all()) {
    const auto file = folder_ / name / "partition.toml";
    const auto text = dna::read_file(file);
    const auto geometry = dna::description_from_toml(text, file.string()).geometry;
    const auto note = dna::contents_from_toml(text, file.string()).value_or(dna::contents_note{});
    ++sum.tubes;
    sum.strands += note.strands;
    sum.blocks += note.strands / geometry.molecules();
    sum.synthesis_dollars +=
        static_cast<double>(note.strands) * geometry.strand_nt() * geometry.prices.synthesis_per_nt;
  }
  return sum;
}

dna::store& tubes::at(const std::string& name) {
  if (auto known = open_.find(name); known != open_.end()) {
    known->second.used = ++uses_;
    return known->second.store;
  }
  return keep(name, dna::store::open(folder_ / name, dna::store::access::write));
}

dna::store& tubes::keep(const std::string& name, dna::store store) {
  if (open_.size() >= open_max)
    open_.erase(std::ranges::min_element(open_, {}, [](const auto& one) { return one.second.used; }));
  return open_.emplace(name, opened{std::move(store), ++uses_}).first->second.store;
}

}  // namespace chromatin::archive

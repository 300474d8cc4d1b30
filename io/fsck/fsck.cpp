#include "io/fsck/fsck.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <sys/stat.h>

#include "io/fsck/parts.hpp"
#include "io/store_folder.hpp"

namespace chromatin::io::fsck {
namespace {

bool is_ours(const std::string& name) {
  for (std::string database : {"catalog.sqlite", "registry.sqlite"})
    for (auto beside : {"", "-wal", "-shm"})
      if (name == database + beside) return true;
  return name == "lock" || (name.starts_with("segment-") && name.ends_with(".kv"));
}

void check_mode(run& r, const std::filesystem::path& path, const std::string& where, mode_t wanted) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return;
  if ((status.st_mode & 077) == 0) return;
  finding f{
      kind::open, where, fmt::format("its mode is {:o}: others than its owner may use it", status.st_mode & 0777), {}};
  if (r.repairs(where) && ::chmod(path.c_str(), wanted) == 0) f.repair = fmt::format("its mode is {:o} now", wanted);
  r.found.findings.push_back(std::move(f));
}

void check_files_in(run& r, const std::filesystem::path& folder, const std::string& prefix) {
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) all.push_back(entry.path());
  std::ranges::sort(all);
  for (const auto& path : all) {
    auto file = path.filename().string(), name = prefix + file;
    if (prefix.empty() && is_cache_folder(file) && std::filesystem::is_directory(path)) {
      check_mode(r, path, name, 0700);
      check_files_in(r, path, name + "/");
    } else if (is_ours(file)) {
      check_mode(r, path, name, 0600);
    } else if (name == device_algorithms_file) {
      continue;
    } else if (name.find(".sqlite") != std::string::npos && name.find(".damaged") != std::string::npos) {
      r.note(name, "was damaged and put aside; delete it when nobody wants to look at it");
    } else {
      r.note(name, "belongs to nobody; it is left alone");
    }
  }
}

}  // namespace

const char* to_string(kind k) {
  switch (k) {
    case kind::damage:
      return "damage";
    case kind::open:
      return "open";
    case kind::note:
      return "note";
  }
  return "";
}

bool report::sound() const {
  return std::ranges::all_of(findings, [](const finding& f) { return f.what_kind == kind::note; });
}

void check_files(run& r) {
  check_mode(r, r.wanted.folder, "the folder", 0700);
  check_files_in(r, r.wanted.folder, "");
}

namespace {

/// Deletes the cache whose model's hash begins so. Its conversations stay, as does what the registry knows of its
/// model.
finding drop(const std::filesystem::path& store, const std::string& id) {
  std::vector<model_cache> meant;
  std::string all;
  for (auto& cache : caches_in(store)) {
    all += (all.empty() ? "there is " : ", ") + cache.shown();
    if (kv::to_string(cache.model).starts_with(id)) meant.push_back(std::move(cache));
  }
  if (meant.size() != 1)
    throw open_error(fmt::format("{}: {} cache is called {}; {}", store.string(),
                                 meant.empty() ? "no" : "more than one", id,
                                 all.empty() ? "there is none at all" : all));
  drop_cache(meant[0]);
  return {kind::note,
          "cache " + id,
          fmt::format("that of {} with {} chunks was dropped", meant[0].shown(), meant[0].chunks),
          {}};
}

report look(const options& wanted, std::set<std::string> believed) {
  run r{wanted, std::move(believed), false, {}, {}, {}, {}};
  check_files(r);
  check_descriptions(r);
  check_registry(r);
  check_catalogs(r);
  r.found.caches = caches_in(wanted.folder);
  return std::move(r.found);
}

}  // namespace

report check(const options& wanted) {
  std::error_code error;
  bool is_store = false;
  for (auto name : {"catalog.sqlite", "registry.sqlite"})
    is_store |= std::filesystem::exists(wanted.folder / name, error);
  if (!is_store)
    throw open_error(
        fmt::format("{}: no store is there (neither catalog.sqlite nor registry.sqlite)", wanted.folder.string()));
  folder_lock lock{wanted.folder};
  std::optional<finding> dropped;
  if (!wanted.drop_cache.empty()) dropped = drop(wanted.folder, wanted.drop_cache);
  auto found = look(wanted, {});
  auto with_dropped = [&](report all) {
    if (dropped) all.findings.insert(all.findings.begin(), *dropped);
    return all;
  };
  if (!wanted.repair || found.findings.empty()) return with_dropped(std::move(found));
  // A disk, or the way to it, may be wrong once: what is repaired was found by two looks.
  std::set<std::string> believed;
  for (const auto& f : found.findings) believed.insert(f.where);
  return with_dropped(look(wanted, std::move(believed)));
}

}  // namespace chromatin::io::fsck

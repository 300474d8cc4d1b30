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
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::directory_iterator(r.wanted.folder)) all.push_back(entry.path());
  std::ranges::sort(all);
  for (const auto& path : all) {
    auto name = path.filename().string();
    if (is_ours(name)) {
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

report look(const options& wanted, std::set<std::string> believed) {
  run r{wanted, std::move(believed), false, {}, {}, {}, {}, {}};
  check_files(r);
  check_description(r);
  check_registry(r);
  check_catalog(r);
  return std::move(r.found);
}

report check(const options& wanted) {
  std::error_code error;
  bool is_store = false;
  for (auto name : {"catalog.sqlite", "registry.sqlite"})
    is_store |= std::filesystem::exists(wanted.folder / name, error);
  if (!is_store)
    throw open_error(
        fmt::format("{}: no store is there (neither catalog.sqlite nor registry.sqlite)", wanted.folder.string()));
  folder_lock lock{wanted.folder};
  auto found = look(wanted, {});
  if (!wanted.repair || found.findings.empty()) return found;
  // A disk, or the way to it, may be wrong once: what is repaired was found by two looks.
  std::set<std::string> believed;
  for (const auto& f : found.findings) believed.insert(f.where);
  return look(wanted, std::move(believed));
}

}  // namespace chromatin::io::fsck

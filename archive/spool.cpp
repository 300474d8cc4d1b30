#include "archive/spool.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "archive/spool_text.hpp"
#include "dna/partition/files.hpp"

namespace chromatin::archive {
namespace {

namespace fs = std::filesystem;
constexpr auto readme = "README", summary = "order.txt", done = "done", refused = "refused", reads = "reads";

[[noreturn]] void fail(const fs::path& where, std::string_view why) {
  throw laboratory_error{fmt::format("{}: {}", where.string(), why)};
}

void write_files(const fs::path& folder, const synthesis_order& what) {
  dna::write_order(folder / "strands.csv", what.strands);
  dna::write_order(folder / "strands.fa", what.strands);
}

void write_files(const fs::path& folder, const sequencing_order& what) {
  const auto primers = primers_of(what);
  fs::create_directory(folder / reads);
  dna::write_order(folder / "primers.csv", primers);
  dna::write_order(folder / "primers.fa", primers);
}

std::vector<fs::path> read_files(const fs::path& folder) {
  std::vector<fs::path> all;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator{folder / reads, none})
    if (entry.is_regular_file() && !entry.path().filename().string().starts_with('.')) all.push_back(entry.path());
  std::ranges::sort(all);
  return all;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find_first_of("\r\n")); }

}  // namespace

spool::spool(fs::path folder) : folder_{std::move(folder)} {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) fail(folder_, error.message());
}

template <class Order>
void spool::place(const Order& what) {
  check_order(what);
  const auto folder = folder_ / what.name, hidden = folder_ / fmt::format(".{}.new", what.name);
  const auto text = summary_of(what);
  try {
    if (!fs::exists(folder)) {
      fs::remove_all(hidden);  // a crash left it
      fs::create_directory(hidden);
      write_files(hidden, what);
      dna::replace_file(hidden / summary, text);
      dna::replace_file(hidden / readme, readme_of(what));  // syncs the folder, too
      fs::rename(hidden, folder);
    } else if (dna::read_file(folder / summary) != text) {
      fail(folder, "there is another order of that name; give it a new one, or move that folder away");
    }
    dna::sync_folder(folder_);  // of one that was there, too: the crash may have come before this line
  } catch (const laboratory_error&) {
    throw;
  } catch (const std::exception& e) {
    fail(folder, fmt::format("the order cannot be placed: {}", e.what()));
  }
}

void spool::order(const synthesis_order& what, lab_time) { place(what); }

void spool::order(const sequencing_order& what, lab_time) { place(what); }

lab_answer spool::look(std::string_view name, lab_time) {
  if (!is_order_name(name)) return {};
  const auto folder = folder_ / name;
  try {
    if (!fs::exists(folder)) return {};
    if (fs::exists(folder / refused)) return {lab_progress::refused, {}, first_line(dna::read_file(folder / refused))};
    if (!fs::exists(folder / done))
      return {lab_progress::under_way, {}, fmt::format("{} says what to do", (folder / readme).string())};
    if (fs::exists(folder / reads) && read_files(folder).empty())
      return {lab_progress::under_way, {}, fmt::format("{} has no file of reads yet", (folder / reads).string())};
    return {lab_progress::done, {}, {}};
  } catch (const std::exception& e) {
    fail(folder, e.what());
  }
}

void spool::read(std::string_view name, lab_time now, const std::function<void(const dna::read&)>& take) {
  const bool has_them = look(name, now).progress == lab_progress::done && fs::exists(folder_ / name / reads);
  if (!has_them) throw laboratory_error{fmt::format("order {} has no reads yet", name)};
  dna::read one;
  for (const auto& file : read_files(folder_ / name))
    for (dna::read_source from{file}; from.next(one);) take(one);
}

}  // namespace chromatin::archive

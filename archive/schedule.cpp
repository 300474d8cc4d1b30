#include "archive/schedule.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "dna/partition/files.hpp"

namespace chromatin::archive {
namespace {

constexpr std::size_t name_bytes_max = 128;

/// What is taken off a text's front, part by part. Once something is not there, nothing is.
struct time_parts {
  std::string_view rest;
  bool good = true;

  bool has(char mark) {
    const bool there = good && rest.starts_with(mark);
    if (there) rest.remove_prefix(1);
    return there;
  }
  void must_have(char mark) { good = has(mark); }
  int number(std::size_t digits) {
    int value = 0;
    for (; digits > 0 && good; --digits) {
      good = !rest.empty() && rest.front() >= '0' && rest.front() <= '9';
      if (!good) break;
      value = 10 * value + (rest.front() - '0');
      rest.remove_prefix(1);
    }
    return value;
  }
  /// Below `end`.
  int number_below(int end) {
    const int value = number(2);
    good = good && value < end;
    return value;
  }
};

/// How far a clock is ahead of UTC: `Z`, or `+01:00`.
std::chrono::minutes zone_of(time_parts& from) {
  if (from.has('Z')) return {};
  const bool east = from.has('+');
  if (!east) from.must_have('-');
  const std::chrono::hours hours{from.number_below(24)};
  from.must_have(':');
  const auto ahead = hours + std::chrono::minutes{from.number_below(60)};
  return east ? ahead : -ahead;
}

/// `2026-12-01T09:00:00Z`, with seconds or without.
std::optional<lab_time> time_of(std::string_view text) {
  time_parts from{text};
  const std::chrono::year year{from.number(4)};
  from.must_have('-');
  const std::chrono::month month{static_cast<unsigned>(from.number(2))};
  from.must_have('-');
  const std::chrono::day day{static_cast<unsigned>(from.number(2))};
  from.must_have('T');
  const std::chrono::hours hour{from.number_below(24)};
  from.must_have(':');
  const std::chrono::minutes minute{from.number_below(60)};
  const std::chrono::seconds second{from.has(':') ? from.number_below(60) : 0};
  const auto zone = zone_of(from);
  const auto date = year / month / day;
  if (!from.good || !from.rest.empty() || !date.ok()) return {};
  return std::chrono::sys_days{date} + hour + minute + second - zone;
}

std::string_view take_word(std::string_view& line) {
  constexpr auto blanks = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  const auto word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

bool is_end(std::string_view word) { return word.empty() || word.starts_with('#'); }

/// Nothing of a line that says nothing. Throws what is wrong, without the line's number.
std::optional<wanted_recall> parse_line(std::string_view line) {
  if (std::ranges::any_of(line, [](unsigned char c) { return c < ' ' && c != '\t' && c != '\r'; }))
    throw schedule_error{"it is not text"};
  const auto first = take_word(line);
  if (is_end(first)) return {};
  const auto when = time_of(first);
  if (!when) throw schedule_error{"it begins with no time like 2026-12-01T09:00:00Z or 2026-12-01T10:00+01:00"};
  const auto tenant = take_word(line), id = take_word(line);
  if (tenant.empty() || id.empty() || !is_end(take_word(line)))
    throw schedule_error{"behind the time stand a tenant and a conversation, and nothing more"};
  if (std::max(tenant.size(), id.size()) > name_bytes_max)
    throw schedule_error{fmt::format("a name has at most {} bytes", name_bytes_max)};
  return wanted_recall{*when, {std::string{tenant}, std::string{id}}};
}

}  // namespace

schedule parse_schedule(std::string_view text) {
  schedule all;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    try {
      if (auto one = parse_line(line)) all.push_back(std::move(*one));
      if (all.size() > schedule_lines_max)
        throw schedule_error{fmt::format("a schedule has at most {} lines", schedule_lines_max)};
    } catch (const schedule_error& e) {
      throw schedule_error{fmt::format("line {}: {}", number, e.what())};
    }
  }
  return all;
}

// -- in a file --

schedule_file::schedule_file(std::filesystem::path file) : file_{std::move(file)} {
  now_ = look();
  if (!now_.trouble.empty()) throw schedule_error{now_.trouble};
}

std::string schedule_file::read() const {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file_, error)) throw schedule_error{error ? error.message() : "is no file"};
  if (std::filesystem::file_size(file_) > schedule_bytes_max)
    throw schedule_error{fmt::format("a schedule has at most {} bytes", schedule_bytes_max)};
  return dna::read_file(file_);
}

/// It is small: reading all of it misses no change, as times and sizes might.
schedule_view schedule_file::look() {
  try {
    auto text = read();
    if (!now_.lines || text != text_) now_.lines = std::make_shared<const schedule>(parse_schedule(text));
    text_ = std::move(text);
    now_.trouble.clear();
  } catch (const std::exception& e) {
    const std::string why = e.what(), name = file_.string();
    now_.trouble = why.starts_with(name) ? why : fmt::format("{}: {}", name, why);
  }
  return now_;
}

// -- what is to be done --

std::size_t agenda::replace(const schedule& lines, lab_time now) {
  std::map<wanted_recall, progress> next;
  std::size_t over = 0;
  for (const auto& line : lines) {
    const auto known = lines_.find(line);
    const bool fresh = next.emplace(line, known == lines_.end() ? progress{} : known->second).second;
    over += fresh && known == lines_.end() && line.when < now;
  }
  lines_ = std::move(next);
  return over;
}

std::vector<agenda::due_recall> agenda::due(lab_time now, std::chrono::seconds ahead, std::size_t count_max) {
  std::vector<std::map<wanted_recall, progress>::iterator> found;
  for (auto at = lines_.lower_bound({now, {}}); at != lines_.end() && at->first.when <= now + ahead; ++at)
    if (!at->second.begun) found.push_back(at);
  std::ranges::stable_sort(found, {}, [](const auto& at) { return at->second.given; });
  if (found.size() > count_max) found.resize(count_max);
  std::vector<due_recall> all;
  for (auto at : found) all.push_back({at->first, at->second.given++ == 0});
  return all;
}

void agenda::begun(const wanted_recall& line) {
  if (const auto known = lines_.find(line); known != lines_.end()) known->second.begun = true;
}

}  // namespace chromatin::archive

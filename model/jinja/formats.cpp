// Texts from patterns: Python's old string formatting, and strftime in the C locale and UTC.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "model/jinja/library.hpp"
#include "model/jinja/literals.hpp"
#include "model/jinja/strings.hpp"

namespace chromatin::model::jinja {
namespace {

constexpr int width_max = 1000;

/// What stands between % and the letter.
struct directive {
  bool left = false, zeros = false, plus = false;
  int width = 0, precision = -1;
  char letter = 0;
};

int number_at(std::string_view& rest) {
  int number = 0;
  while (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') {
    number = number * 10 + (rest[0] - '0');
    if (number > width_max) throw fault("the format is too wide");
    rest.remove_prefix(1);
  }
  return number;
}

directive read_directive(std::string_view& rest) {
  directive d;
  for (; !rest.empty() && std::string_view{"-0+ #"}.find(rest[0]) != std::string_view::npos; rest.remove_prefix(1)) {
    d.left = d.left || rest[0] == '-';
    d.zeros = d.zeros || rest[0] == '0';
    d.plus = d.plus || rest[0] == '+';
  }
  d.width = number_at(rest);
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    d.precision = number_at(rest);
  }
  if (rest.empty()) throw fault("the format ends too early");
  d.letter = rest[0];
  rest.remove_prefix(1);
  return d;
}

double real(const value& of) {
  if (auto* f = of.as_float()) return *f;
  if (auto* i = of.as_integer()) return static_cast<double>(*i);
  if (auto* b = of.as_bool()) return *b;
  throw fault(fmt::format("the format needs a number, not {}", of.type_name()));
}

std::string number_text(const directive& d, const value& of) {
  auto number = real(of);
  std::string result;
  switch (d.letter) {
    case 'd':
    case 'i':
      if (!of.as_float())
        result = std::to_string(of.as_integer() ? *of.as_integer() : *of.as_bool());
      else if (std::abs(number) < 9e18)
        result = std::to_string(static_cast<std::int64_t>(number));
      else
        throw fault("the number is too large");
      break;
    case 'x':
    case 'X':
    case 'o':
      if (!of.as_integer()) throw fault("the format needs an integer");
      result = d.letter == 'x'   ? fmt::format("{:x}", *of.as_integer())
               : d.letter == 'X' ? fmt::format("{:X}", *of.as_integer())
                                 : fmt::format("{:o}", *of.as_integer());
      break;
    case 'f':
      result = fmt::format("{:.{}f}", number, d.precision < 0 ? 6 : d.precision);
      break;
    case 'e':
      result = fmt::format("{:.{}e}", number, d.precision < 0 ? 6 : d.precision);
      break;
    default:
      result = fmt::format("{:.{}g}", number, d.precision < 0 ? 6 : std::max(d.precision, 1));
  }
  if (d.plus && !result.starts_with('-')) result.insert(0, "+");
  if (auto width = static_cast<std::size_t>(d.width); d.zeros && !d.left && result.size() < width)
    result.insert(result.starts_with('-') || result.starts_with('+') ? 1 : 0, width - result.size(), '0');
  return result;
}

constexpr std::array<std::string_view, 7> days{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                               "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> months{"January",   "February", "March",    "April",
                                                  "May",       "June",     "July",     "August",
                                                  "September", "October",  "November", "December"};

struct date {
  std::int64_t year;
  int month, day, weekday, day_of_year;  ///< month from 1, weekday from Sunday, the others from 1
  int hour, minute, second;
};

/// Of the Gregorian calendar: the days of 400 years repeat.
date date_of(std::int64_t seconds) {
  auto days_since = seconds / 86400 - (seconds % 86400 < 0);
  auto in_day = static_cast<int>(seconds - days_since * 86400);
  date d{.weekday = static_cast<int>(((days_since + 4) % 7 + 7) % 7),
         .hour = in_day / 3600,
         .minute = in_day / 60 % 60,
         .second = in_day % 60};
  d.year = 1970;
  auto left = days_since;
  auto cycles = left / 146097 - (left % 146097 < 0);
  d.year += cycles * 400;
  left -= cycles * 146097;
  auto leap = [&] { return d.year % 4 == 0 && (d.year % 100 != 0 || d.year % 400 == 0); };
  for (; left >= 365 + leap(); ++d.year) left -= 365 + leap();
  d.day_of_year = static_cast<int>(left) + 1;
  std::array<int, 12> lengths{31, 28 + leap(), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (d.month = 1; left >= lengths[static_cast<std::size_t>(d.month - 1)]; ++d.month)
    left -= lengths[static_cast<std::size_t>(d.month - 1)];
  d.day = static_cast<int>(left) + 1;
  return d;
}

std::string time_part(const date& d, char letter, bool padded) {
  auto two = [&](int number) { return padded ? fmt::format("{:02}", number) : std::to_string(number); };
  int hour12 = (d.hour + 11) % 12 + 1;
  auto month = months[static_cast<std::size_t>(d.month - 1)], day = days[static_cast<std::size_t>(d.weekday)];
  switch (letter) {
    case 'Y':
      return std::to_string(d.year);
    case 'y':
      return two(static_cast<int>((d.year % 100 + 100) % 100));
    case 'm':
      return two(d.month);
    case 'd':
      return two(d.day);
    case 'e':
      return fmt::format("{:2}", d.day);
    case 'H':
      return two(d.hour);
    case 'I':
      return two(hour12);
    case 'M':
      return two(d.minute);
    case 'S':
      return two(d.second);
    case 'f':
      return "000000";
    case 'j':
      return padded ? fmt::format("{:03}", d.day_of_year) : std::to_string(d.day_of_year);
    case 'p':
      return d.hour < 12 ? "AM" : "PM";
    case 'A':
      return std::string{day};
    case 'a':
      return std::string{day.substr(0, 3)};
    case 'B':
      return std::string{month};
    case 'b':
    case 'h':
      return std::string{month.substr(0, 3)};
    case 'w':
      return std::to_string(d.weekday);
    case 'u':
      return std::to_string(d.weekday == 0 ? 7 : d.weekday);
    case 'z':
    case 'Z':
      return "";
    case 'n':
      return "\n";
    case 't':
      return "\t";
    case '%':
      return "%";
    case 'F':
      return fmt::format("{}-{:02}-{:02}", d.year, d.month, d.day);
    case 'T':
    case 'X':
      return fmt::format("{:02}:{:02}:{:02}", d.hour, d.minute, d.second);
    case 'R':
      return fmt::format("{:02}:{:02}", d.hour, d.minute);
    case 'D':
    case 'x':
      return fmt::format("{:02}/{:02}/{:02}", d.month, d.day, d.year % 100);
    case 'c':
      return fmt::format("{} {} {:2} {:02}:{:02}:{:02} {}", day.substr(0, 3), month.substr(0, 3), d.day, d.hour,
                         d.minute, d.second, d.year);
    default:
      throw fault(fmt::format("strftime_now() has no %{}", letter));
  }
}

}  // namespace

text formatted(context& in, const text& pattern, const std::vector<value>& values) {
  const auto* named = values.size() == 1 ? values[0].as_mapping() : nullptr;
  // Python takes a list for a mapping here, and of mappings not every value must find a place.
  bool all_placed = !named && !(values.size() == 1 && values[0].as_list() && !values[0].as_list()->tuple);
  text result;
  std::size_t next = 0;
  std::string_view rest = pattern.bytes();
  while (!rest.empty()) {
    auto plain = std::min(rest.find('%'), rest.size());
    result.append(pattern, pattern.size() - rest.size(), plain);
    rest.remove_prefix(plain);
    if (rest.empty()) break;
    rest.remove_prefix(1);
    const value* by_name = nullptr;
    if (rest.starts_with('(')) {
      auto end = rest.find(')');
      if (end == rest.npos) throw fault("the format ends too early");
      by_name = named ? named->find(rest.substr(1, end - 1)) : nullptr;
      if (!by_name) throw fault(fmt::format("the format has no value for '{}'", rest.substr(1, end - 1)));
      rest.remove_prefix(end + 1);
    }
    auto d = read_directive(rest);
    if (d.letter == '%') {
      result.append("%");
      continue;
    }
    if (!by_name && next >= values.size()) throw fault("the format has more places than values");
    const auto& of = by_name ? *by_name : values[next++];
    in.work(1);
    text part;
    if (d.letter == 's' || d.letter == 'r') {
      part = d.letter == 's' ? shown(in, of) : represented(in, of);
      if (auto whole_text = value::of(part); d.precision >= 0)
        part = *slice_of(in, whole_text, {}, std::int64_t{d.precision}, {}).as_text();
    } else if (std::string_view{"difegxXo"}.find(d.letter) != std::string_view::npos) {
      part = text{number_text(d, of)};
    } else {
      throw fault(fmt::format("a format has no %{}", d.letter));
    }
    result.append(padded(part, static_cast<std::size_t>(d.width), text{" "}, !d.left, d.left));
    in.pass(result.size());
  }
  if (next < values.size() && all_placed) throw fault("the format has fewer places than values");
  return result;
}

text filled_in(context& in, const text& pattern, const arguments& given) {
  text result;
  std::size_t next = 0;
  std::string_view rest = pattern.bytes();
  while (!rest.empty()) {
    auto plain = std::min(rest.find_first_of("{}"), rest.size());
    result.append(pattern, pattern.size() - rest.size(), plain);
    rest.remove_prefix(plain);
    if (rest.empty()) break;
    if (rest.size() > 1 && rest[0] == rest[1]) {  // written twice it is itself
      result.append(pattern, pattern.size() - rest.size(), 1);
      rest.remove_prefix(2);
      continue;
    }
    auto end = rest.find('}');
    if (rest[0] == '}' || end == rest.npos) throw fault("a brace in the format stands alone");
    auto field = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    // Widths and attributes are not built.
    if (field.find_first_of(":!.[{") != field.npos) throw fault(fmt::format("format() knows no {{{}}}", field));
    bool number = field.size() < 9 && field.find_first_not_of("0123456789") == field.npos;
    auto at = !number ? whole : field.empty() ? next++ : static_cast<std::size_t>(std::stoi(std::string{field}));
    auto* of = given.find(at, number ? std::string_view{} : field);
    if (!of) throw fault(fmt::format("format() has no value for {{{}}}", field));
    in.work(1);
    result.append(shown(in, *of));
    in.pass(result.size());
  }
  return result;
}

std::string time_text(std::int64_t seconds, std::string_view pattern) {
  constexpr std::int64_t year_9999 = 253402300799;
  auto d = date_of(std::clamp(seconds, -year_9999, year_9999));
  std::string result;
  while (!pattern.empty()) {
    char c = pattern[0];
    pattern.remove_prefix(1);
    if (c != '%' || pattern.empty()) {
      result += c;
      continue;
    }
    bool padded = !pattern.starts_with('-') || pattern.size() < 2;
    result += time_part(d, pattern[padded ? 0 : 1], padded);
    pattern.remove_prefix(padded ? 1 : 2);
  }
  return result;
}

}  // namespace chromatin::model::jinja

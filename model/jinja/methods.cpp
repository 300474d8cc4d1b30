// Methods of texts, as Python's str has them.

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "model/jinja/characters.hpp"
#include "model/jinja/library.hpp"
#include "model/jinja/literals.hpp"
#include "model/jinja/strings.hpp"

namespace chromatin::model::jinja {
namespace {

using text_method = value (*)(context&, const text&, const arguments&);

/// A first argument that may be a text or none.
const std::string* optional_text(const arguments& given, std::string_view of, std::string_view name = {}) {
  auto* v = given.find(0, name);
  if (!v || v->is_none()) return nullptr;
  return &given.word(0, of, name).bytes();
}

std::optional<std::size_t> count_of(const arguments& given, std::size_t at, std::string_view name) {
  auto count = given.integer(at, name, -1);
  return count < 0 ? std::nullopt : std::optional{static_cast<std::size_t>(count)};
}

value texts(context& in, std::vector<text> parts, bool tuple = false) {
  std::vector<value> items;
  for (auto& part : parts) items.push_back(in.make(std::move(part)));
  return in.make(std::move(items), tuple);
}

value strip(context& in, const text& of, const arguments& given, bool left, bool right) {
  given.at_most(1, "strip");
  return in.make(stripped(of, optional_text(given, "strip"), left, right));
}

value split_at(context& in, const text& of, const arguments& given, bool from_end) {
  given.at_most(2, "split", {"sep", "maxsplit"});
  auto* separator = optional_text(given, "split", "sep");
  if (separator && separator->empty()) throw fault("the separator is empty");
  auto count = count_of(given, 1, "maxsplit");
  in.pass(of.size() * 2);
  return texts(in, from_end ? split_from_end(of, separator, count) : split(of, separator, count));
}

/// The part that a search is about: between the characters that the second and third argument say, as in a slice.
/// Without data where the one comes behind the other.
std::string_view searched(const text& of, const arguments& given) {
  std::string_view bytes = of.bytes();
  if (given.positional.size() < 2) return bytes;
  auto starts = character_starts(bytes);
  auto count = static_cast<std::int64_t>(starts.size()) - 1;
  auto from = given.integer(1, "start", 0), to = std::min(given.integer(2, "end", count), count);
  for (auto* index : {&from, &to})
    if (*index < 0) *index = std::max<std::int64_t>(*index + count, 0);
  if (from > to) return {};
  auto begin = starts[static_cast<std::size_t>(from)];
  return bytes.substr(begin, starts[static_cast<std::size_t>(to)] - begin);
}

/// True if `holds` does for the argument, or for one of a tuple.
template <class Holds>
value any_of(const text& of, const arguments& given, std::string_view name, Holds holds_in) {
  given.at_most(3, name);
  auto where = searched(of, given);
  auto holds = [&](const std::string& what) { return where.data() && holds_in(where, what); };
  const auto& what = given.need(0, name);
  if (auto* several = what.as_list()) {
    for (const auto& one : several->items) {
      if (!one.as_text()) throw fault(fmt::format("{}() takes strings, not {}", name, one.type_name()));
      if (holds(one.as_text()->bytes())) return true;
    }
    return false;
  }
  return holds(given.word(0, name).bytes());
}

value find_in(const text& of, const arguments& given, std::string_view name, bool from_end) {
  given.at_most(3, name);
  const auto& what = given.word(0, name).bytes();
  auto where = searched(of, given);
  auto at = !where.data() ? std::string::npos : from_end ? where.rfind(what) : where.find(what);
  if (at == std::string::npos && name.ends_with("index")) throw fault("the string is not there");
  if (at == std::string::npos) return std::int64_t{-1};
  auto before = static_cast<std::size_t>(where.data() - of.bytes().data()) + at;
  return static_cast<std::int64_t>(character_count(std::string_view{of.bytes()}.substr(0, before)));
}

value count_in(context&, const text& of, const arguments& given) {
  given.at_most(3, "count");
  const auto& what = given.word(0, "count").bytes();
  auto where = searched(of, given);
  if (!where.data()) return std::int64_t{0};
  if (what.empty()) return static_cast<std::int64_t>(character_count(where)) + 1;
  std::int64_t count = 0;
  for (auto at = where.find(what); at != std::string::npos; at = where.find(what, at + what.size())) ++count;
  return count;
}

value partition(context& in, const text& of, const arguments& given, bool from_end) {
  given.at_most(1, "partition");
  const auto& separator = given.word(0, "partition");
  if (separator.empty()) throw fault("the separator is empty");
  auto at = from_end ? of.bytes().rfind(separator.bytes()) : of.bytes().find(separator.bytes());
  if (at == std::string::npos)
    return texts(in, from_end ? std::vector{text{}, text{}, of} : std::vector{of, text{}, text{}}, true);
  return texts(in, {of.part(0, at), of.part(at, separator.size()), of.part(at + separator.size())}, true);
}

value remove_end(context& in, const text& of, const arguments& given, bool front) {
  given.at_most(1, "remove");
  const auto& what = given.word(0, "remove").bytes();
  if (front ? !of.bytes().starts_with(what) : !of.bytes().ends_with(what)) return in.make(of);
  return in.make(front ? of.part(what.size()) : of.part(0, of.size() - what.size()));
}

/// Whether there are characters and all are so.
template <class Is>
value all_are(const text& of, Is is) {
  std::string_view rest = of.bytes();
  for (std::size_t bytes = 0; !rest.empty(); rest.remove_prefix(bytes)) {
    bytes = character_bytes(rest);
    if (!is(rest.substr(0, bytes))) return false;
  }
  return !of.empty();
}

value has_case(const text& of, bool upper_case) {
  bool some = false;
  std::string_view rest = of.bytes();
  for (std::size_t bytes = 0; !rest.empty(); rest.remove_prefix(bytes)) {
    bytes = character_bytes(rest);
    auto c = rest.substr(0, bytes);
    if (upper_case ? is_cased_lower(c) : is_cased_upper(c)) return false;
    some = some || (upper_case ? is_cased_upper(c) : is_cased_lower(c));
  }
  return some;
}

value pad(context& in, const text& of, const arguments& given, bool left, bool right) {
  given.at_most(2, "justify");
  auto width = std::max<std::int64_t>(given.integer(0, "width", 0), 0);
  in.pass(static_cast<std::uint64_t>(width) * 4);
  auto with = given.find(1) ? given.word(1, "justify") : text{" "};
  return in.make(padded(of, static_cast<std::size_t>(width), with, left, right));
}

value join_with(context& in, const text& of, const arguments& given) {
  given.at_most(1, "join");
  growing_text result{in};
  bool first = true;
  for (const auto& item : items_of(in, given.need(0, "join"))) {
    if (!item.as_text()) throw fault(fmt::format("join() takes strings, not {}", item.type_name()));
    if (!first) result.append(of);
    result.append(*item.as_text());
    first = false;
  }
  return in.make(result.take());
}

value replace(context& in, const text& of, const arguments& given) {
  given.at_most(3, "replace", {"count"});
  const auto &from = given.word(0, "replace"), &to = given.word(1, "replace");
  auto times = (of.size() + 1) / std::max<std::size_t>(from.size(), 1) + 1;
  in.pass(of.size() + times * to.size());
  return in.make(replaced(of, from.bytes(), to, count_of(given, 2, "count")));
}

value zero_fill(context& in, const text& of, const arguments& given) {
  given.at_most(1, "zfill");
  bool sign = of.bytes().starts_with('-') || of.bytes().starts_with('+');
  auto width = std::max<std::int64_t>(given.integer(0, "width", 0) - sign, 0);
  in.pass(static_cast<std::uint64_t>(width));
  auto result = sign ? of.part(0, 1) : text{};
  result.append(padded(sign ? of.part(1) : of, static_cast<std::size_t>(width), text{"0"}, true, false));
  return in.make(std::move(result));
}

using named_text_methods = std::unordered_map<std::string_view, text_method>;
const named_text_methods& text_methods() {
  static const named_text_methods all{
      {"upper", [](context& in, const text& of, const arguments&) { return in.make(of.mapped(upper)); }},
      {"lower", [](context& in, const text& of, const arguments&) { return in.make(of.mapped(lower)); }},
      {"casefold", [](context& in, const text& of, const arguments&) { return in.make(of.mapped(lower)); }},
      {"capitalize", [](context& in, const text& of, const arguments&) { return in.make(capitalized(of)); }},
      {"title", [](context& in, const text& of, const arguments&) { return in.make(titled(of)); }},
      {"swapcase",
       [](context& in, const text& of, const arguments&) {
         return in.make(of.mapped([](std::string_view part) {
           std::string out;
           each_character(part, [&](std::string_view c) { out += is_cased_upper(c) ? lower(c) : upper(c); });
           return out;
         }));
       }},
      {"strip", [](context& in, const text& of, const arguments& a) { return strip(in, of, a, true, true); }},
      {"lstrip", [](context& in, const text& of, const arguments& a) { return strip(in, of, a, true, false); }},
      {"rstrip", [](context& in, const text& of, const arguments& a) { return strip(in, of, a, false, true); }},
      {"split", [](context& in, const text& of, const arguments& a) { return split_at(in, of, a, false); }},
      {"rsplit", [](context& in, const text& of, const arguments& a) { return split_at(in, of, a, true); }},
      {"splitlines", [](context& in, const text& of,
                        const arguments& a) { return texts(in, split_lines(of, a.flag(0, "keepends", false))); }},
      {"startswith",
       [](context&, const text& of, const arguments& a) {
         return any_of(of, a, "startswith", [](auto where, const auto& what) { return where.starts_with(what); });
       }},
      {"endswith",
       [](context&, const text& of, const arguments& a) {
         return any_of(of, a, "endswith", [](auto where, const auto& what) { return where.ends_with(what); });
       }},
      {"find", [](context&, const text& of, const arguments& a) { return find_in(of, a, "find", false); }},
      {"rfind", [](context&, const text& of, const arguments& a) { return find_in(of, a, "rfind", true); }},
      {"index", [](context&, const text& of, const arguments& a) { return find_in(of, a, "index", false); }},
      {"rindex", [](context&, const text& of, const arguments& a) { return find_in(of, a, "rindex", true); }},
      {"count", count_in},
      {"replace", replace},
      {"join", join_with},
      {"format", [](context& in, const text& of, const arguments& a) { return in.make(filled_in(in, of, a)); }},
      {"zfill", zero_fill},
      {"partition", [](context& in, const text& of, const arguments& a) { return partition(in, of, a, false); }},
      {"rpartition", [](context& in, const text& of, const arguments& a) { return partition(in, of, a, true); }},
      {"removeprefix", [](context& in, const text& of, const arguments& a) { return remove_end(in, of, a, true); }},
      {"removesuffix", [](context& in, const text& of, const arguments& a) { return remove_end(in, of, a, false); }},
      {"ljust", [](context& in, const text& of, const arguments& a) { return pad(in, of, a, false, true); }},
      {"rjust", [](context& in, const text& of, const arguments& a) { return pad(in, of, a, true, false); }},
      {"center", [](context& in, const text& of, const arguments& a) { return pad(in, of, a, true, true); }},
      {"isspace", [](context&, const text& of,
                     const arguments&) { return value{!of.empty() && leading_space(of.bytes()) == of.size()}; }},
      {"isdigit", [](context&, const text& of, const arguments&) { return all_are(of, is_digit); }},
      {"isdecimal", [](context&, const text& of, const arguments&) { return all_are(of, is_decimal); }},
      {"isnumeric", [](context&, const text& of, const arguments&) { return all_are(of, is_numeric); }},
      {"isascii",
       [](context&, const text& of, const arguments&) {
         return value{std::all_of(of.bytes().begin(), of.bytes().end(), [](char c) { return (c & 0x80) == 0; })};
       }},
      {"isalpha", [](context&, const text& of, const arguments&) { return all_are(of, is_letter); }},
      {"isalnum",
       [](context&, const text& of, const arguments&) {
         return all_are(of, [](std::string_view c) { return is_numeric(c) || is_letter(c); });
       }},
      {"isupper", [](context&, const text& of, const arguments&) { return has_case(of, true); }},
      {"islower", [](context&, const text& of, const arguments&) { return has_case(of, false); }},
  };
  return all;
}

}  // namespace

bool has_text_method(std::string_view name) { return text_methods().contains(name); }

bool call_text_method(context& in, const text& of, std::string_view name, const arguments& given, value& result) {
  auto found = text_methods().find(name);
  if (found == text_methods().end()) return false;
  in.work(1 + of.size() / 16);
  result = found->second(in, of, given);
  return true;
}

}  // namespace chromatin::model::jinja

// Filters on lists and whatever can be walked through.

#include <algorithm>

#include <fmt/format.h>

#include "model/jinja/characters.hpp"
#include "model/jinja/filters.hpp"

namespace chromatin::model::jinja {
namespace {

value nothing(std::string_view of) {
  return undefined{std::make_shared<const std::string>(fmt::format("there is no {} item", of))};
}

/// What an item is sorted or told apart by: itself or an attribute, in lower case unless case counts.
value key_of(context& in, const value& item, const value* attribute, bool case_sensitive) {
  auto key = attribute && !attribute->is_none() ? attribute_at(in, item, *attribute) : item;
  if (case_sensitive || !key.as_text()) return key;
  return value::of(text{lower(key.as_text()->bytes())});
}

/// What `sort` goes by: one attribute, or a tuple of several that a text names with commas.
value sort_key_of(context& in, const value& item, const value* attribute, bool case_sensitive) {
  auto* names = attribute ? attribute->as_text() : nullptr;
  if (!names || names->bytes().find(',') == std::string::npos) return key_of(in, item, attribute, case_sensitive);
  std::vector<value> keys;
  std::string_view rest = names->bytes();
  for (std::size_t end = 0; end != rest.npos;) {
    end = rest.find(',');
    auto name = value::of(text{std::string{rest.substr(0, end)}});
    keys.push_back(key_of(in, item, &name, case_sensitive));
    if (end != rest.npos) rest.remove_prefix(end + 1);
  }
  return in.make(std::move(keys), true);
}

value first(context& in, const value& of, const arguments&) {
  if (auto* t = of.as_text(); t && !t->empty()) return in.make(t->part(0, character_bytes(t->bytes())));
  auto items = items_of(in, of);
  return items.empty() ? nothing("first") : items.front();
}

value last(context& in, const value& of, const arguments&) {
  if (auto* t = of.as_text(); t && !t->empty()) return item_of(in, of, std::int64_t{-1});
  auto items = items_of(in, of);
  return items.empty() ? nothing("last") : items.back();
}

value join(context& in, const value& of, const arguments& given) {
  given.at_most(2, "join", {"d", "attribute"});
  auto* between = given.find(0, "d");
  auto* attribute = given.find(1, "attribute");
  auto separator = between ? as_text(in, *between) : text{};
  growing_text result{in};
  bool is_first = true;
  for (const auto& item : items_of(in, of)) {
    if (!is_first) result.append(separator);
    is_first = false;
    auto part = as_text(in, attribute ? attribute_at(in, item, *attribute) : item);
    result.append(part);
  }
  return in.make(result.take());
}

value reverse(context& in, const value& of, const arguments&) {
  if (of.as_text()) return slice_of(in, of, {}, {}, std::int64_t{-1});
  auto items = items_of(in, of);
  std::reverse(items.begin(), items.end());
  return in.make(std::move(items));
}

value sort(context& in, const value& of, const arguments& given) {
  given.at_most(3, "sort", {"reverse", "case_sensitive", "attribute"});
  bool reversed = given.flag(0, "reverse", false), case_sensitive = given.flag(1, "case_sensitive", false);
  auto* attribute = given.find(2, "attribute");
  std::vector<std::pair<value, value>> keyed;
  for (const auto& item : items_of(in, of)) keyed.emplace_back(sort_key_of(in, item, attribute, case_sensitive), item);
  in.work(keyed.size() * 8);
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return reversed ? compare(in, a.first, b.first) > 0 : compare(in, a.first, b.first) < 0;
  });
  std::vector<value> items;
  for (auto& [key, item] : keyed) items.push_back(std::move(item));
  return in.make(std::move(items));
}

value unique(context& in, const value& of, const arguments& given) {
  given.at_most(2, "unique", {"case_sensitive", "attribute"});
  std::vector<value> seen, items;
  for (const auto& item : items_of(in, of)) {
    auto key = key_of(in, item, given.find(1, "attribute"), given.flag(0, "case_sensitive", false));
    in.work(seen.size() + 1);
    if (std::any_of(seen.begin(), seen.end(), [&](const value& s) { return equal(in, s, key); })) continue;
    seen.push_back(std::move(key));
    items.push_back(item);
  }
  return in.make(std::move(items));
}

value extreme(context& in, const value& of, const arguments& given, int wanted) {
  given.at_most(2, "min", {"case_sensitive", "attribute"});
  auto* attribute = given.find(1, "attribute");
  bool case_sensitive = given.flag(0, "case_sensitive", false);
  value best = nothing("such"), best_key;
  bool some = false;
  for (const auto& item : items_of(in, of)) {
    auto key = key_of(in, item, attribute, case_sensitive);
    if (some && compare(in, key, best_key) * wanted <= 0) continue;
    best = item;
    best_key = std::move(key);
    some = true;
  }
  return best;
}

value sum(context& in, const value& of, const arguments& given) {
  given.at_most(2, "sum", {"attribute", "start"});
  auto* attribute = given.find(0, "attribute");
  auto* start = given.find(1, "start");
  value all = start ? *start : value{std::int64_t{0}};
  for (const auto& item : items_of(in, of))
    all = binary(in, "+", all, attribute && !attribute->is_none() ? attribute_at(in, item, *attribute) : item);
  return all;
}

value batch(context& in, const value& of, const arguments& given) {
  given.at_most(2, "batch", {"linecount", "fill_with"});
  auto size = static_cast<std::size_t>(std::max<std::int64_t>(given.integer(0, "linecount", 1), 1));
  std::vector<value> all, row;
  for (auto& item : items_of(in, of)) {
    row.push_back(item);
    if (row.size() == size) all.push_back(in.make(std::exchange(row, {})));
  }
  if (auto* fill = given.find(1, "fill_with"); fill && !row.empty()) {
    in.pass(size * sizeof(value));
    row.resize(size, *fill);
  }
  if (!row.empty()) all.push_back(in.make(std::move(row)));
  return in.make(std::move(all));
}

/// As Jinja's: columns of as equal a length as can be, the longer ones first.
value slice(context& in, const value& of, const arguments& given) {
  given.at_most(2, "slice", {"slices", "fill_with"});
  auto count = given.integer(0, "slices", 0);
  if (count < 1) throw fault("slice() needs a count of 1 at least");
  auto items = items_of(in, of);
  auto columns = static_cast<std::size_t>(count);
  in.pass(std::min<std::uint64_t>(columns, std::uint64_t{1} << 48) * sizeof(value));
  auto each = items.size() / columns, longer = items.size() % columns;
  auto* fill = given.find(1, "fill_with");
  std::vector<value> all;
  for (std::size_t c = 0, at = 0; c < columns; ++c) {
    auto size = each + (c < longer);
    std::vector<value> column(items.begin() + static_cast<std::ptrdiff_t>(at),
                              items.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
    if (fill && !fill->is_none() && c >= longer) column.push_back(*fill);
    all.push_back(in.make(std::move(column)));
  }
  return in.make(std::move(all));
}

}  // namespace

const filters& list_filters() {
  static const filters all{
      {"first", first},
      {"last", last},
      {"join", join},
      {"reverse", reverse},
      {"sort", sort},
      {"unique", unique},
      {"sum", sum},
      {"batch", batch},
      {"slice", slice},
      {"list", [](context& in, const value& of, const arguments&) { return in.make(items_of(in, of)); }},
      {"min", [](context& in, const value& of, const arguments& a) { return extreme(in, of, a, -1); }},
      {"max", [](context& in, const value& of, const arguments& a) { return extreme(in, of, a, 1); }},
  };
  return all;
}

}  // namespace chromatin::model::jinja

// Filters that choose or change items by a test, a filter or an attribute; groups.

#include <algorithm>

#include <fmt/format.h>

#include "model/jinja/characters.hpp"
#include "model/jinja/filters.hpp"

namespace chromatin::model::jinja {
namespace {

/// The arguments behind the first `count`.
arguments rest_of(const arguments& given, std::size_t count) {
  arguments rest;
  for (auto i = count; i < given.positional.size(); ++i) rest.positional.push_back(given.positional[i]);
  return rest;
}

/// Keeps the items for which the named test says `wanted`; without a name it is truth.
value chosen(context& in, const value& of, const arguments& given, bool by_attribute, bool wanted) {
  if (!of.truth()) return in.make(std::vector<value>{});  // of none, too
  std::size_t at = by_attribute;
  auto* name = given.find(at);
  test_function holds = nullptr;
  if (name) {
    holds = find_test(as_text(in, *name).bytes());
    if (!holds) throw fault(fmt::format("there is no test '{}'", as_text(in, *name).bytes()));
  }
  auto more = rest_of(given, at + 1);
  std::vector<value> items;
  for (const auto& item : items_of(in, of)) {
    auto what = by_attribute ? attribute_at(in, item, given.need(0, "selectattr")) : item;
    in.work(1);
    if ((holds ? holds(in, what, more) : what.truth()) == wanted) items.push_back(item);
  }
  return in.make(std::move(items));
}

value map(context& in, const value& of, const arguments& given) {
  if (!of.truth()) return in.make(std::vector<value>{});
  std::vector<value> items;
  const auto* attribute = given.find(whole, "attribute");
  const auto* fallback = given.find(whole, "default");
  filter_function change = nullptr;
  if (!attribute) {
    const auto& name = given.word(0, "map").bytes();
    change = find_filter(name);
    if (!change) throw fault(fmt::format("there is no filter '{}'", name));
  }
  auto more = rest_of(given, 1);
  if (change) more.named = given.named;
  for (const auto& item : items_of(in, of)) {
    in.work(1);
    if (change) {
      items.push_back(change(in, item, more));
    } else {
      auto found = attribute_at(in, item, *attribute);
      items.push_back(found.is_undefined() && fallback ? *fallback : std::move(found));
    }
  }
  return in.make(std::move(items));
}

/// A pair whose parts have names.
value group_of(context& in, value key, std::vector<value> items) {
  return in.make(list{{std::move(key), in.make(std::move(items))}, true, 1, true});
}

/// Pairs of a key and the items that have it, in the order of keys; a text's case counts if it is asked for.
value group(context& in, const value& of, const arguments& given) {
  given.at_most(3, "groupby", {"attribute", "default", "case_sensitive"});
  const auto& attribute = given.need(0, "groupby", "attribute");
  bool case_sensitive = given.flag(2, "case_sensitive", false);
  struct keyed_item {
    value first, key, item;  ///< the key that it is sorted by; the one that is shown
  };
  std::vector<keyed_item> keyed;
  for (const auto& item : items_of(in, of)) {
    auto key = attribute_at(in, item, attribute);
    if (auto* fallback = given.find(1, "default"); fallback && key.is_undefined()) key = *fallback;
    auto folded = key.as_text() && !case_sensitive ? value::of(text{lower(key.as_text()->bytes())}) : key;
    keyed.push_back({std::move(folded), std::move(key), item});
  }
  in.work(keyed.size() * 8);
  std::stable_sort(keyed.begin(), keyed.end(),
                   [&](const auto& a, const auto& b) { return compare(in, a.first, b.first) < 0; });
  std::vector<value> groups;
  for (std::size_t i = 0; i < keyed.size();) {
    std::vector<value> items;
    auto first = i;
    for (; i < keyed.size() && equal(in, keyed[first].first, keyed[i].first); ++i) items.push_back(keyed[i].item);
    groups.push_back(group_of(in, keyed[first].key, std::move(items)));
  }
  return in.make(std::move(groups));
}

}  // namespace

const filters& selecting_filters() {
  static const filters all{
      {"map", map},
      {"groupby", group},
      {"select", [](context& in, const value& of, const arguments& a) { return chosen(in, of, a, false, true); }},
      {"reject", [](context& in, const value& of, const arguments& a) { return chosen(in, of, a, false, false); }},
      {"selectattr", [](context& in, const value& of, const arguments& a) { return chosen(in, of, a, true, true); }},
      {"rejectattr", [](context& in, const value& of, const arguments& a) { return chosen(in, of, a, true, false); }},
  };
  return all;
}

}  // namespace chromatin::model::jinja

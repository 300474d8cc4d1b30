// Methods of mappings and lists, as Python's dict and list have them. Those that would change one are not there: what a
// run has is shared, and Hugging Face's sandbox refuses them as well. And which methods any value has.

#include <algorithm>
#include <unordered_map>

#include "model/jinja/library.hpp"

namespace chromatin::model::jinja {
namespace {

using dict_method = value (*)(context&, const dict&, const arguments&);
using list_method = value (*)(context&, const list&, const arguments&);

value pairs_of(context& in, const dict& of) {
  std::vector<value> all;
  for (const auto& [key, v] : of.entries) all.push_back(in.make({in.make(key), v}, true));
  return in.make(std::move(all));
}

using named_dict_methods = std::unordered_map<std::string_view, dict_method>;
const named_dict_methods& dict_methods() {
  static const named_dict_methods all{
      {"get",
       [](context&, const dict& of, const arguments& a) -> value {
         a.at_most(2, "get");
         auto* key = a.need(0, "get").as_text();
         if (auto* found = key ? of.find(key->bytes()) : nullptr) return *found;
         auto* fallback = a.find(1);
         return fallback ? *fallback : value{none{}};
       }},
      {"items", [](context& in, const dict& of, const arguments&) { return pairs_of(in, of); }},
      {"keys",
       [](context& in, const dict& of, const arguments&) {
         std::vector<value> keys;
         for (const auto& [key, v] : of.entries) keys.push_back(in.make(key));
         return in.make(std::move(keys));
       }},
      {"values",
       [](context& in, const dict& of, const arguments&) {
         std::vector<value> values;
         for (const auto& [key, v] : of.entries) values.push_back(v);
         return in.make(std::move(values));
       }},
      {"copy", [](context& in, const dict& of, const arguments&) { return in.make(of.entries); }},
  };
  return all;
}

using named_list_methods = std::unordered_map<std::string_view, list_method>;
const named_list_methods& list_methods() {
  static const named_list_methods all{
      {"index",
       [](context& in, const list& of, const arguments& a) -> value {
         a.at_most(1, "index");
         const auto& what = a.need(0, "index");
         for (std::size_t i = 0; i < of.items.size(); ++i)
           if (equal(in, of.items[i], what)) return static_cast<std::int64_t>(i);
         throw fault("the item is not there");
       }},
      {"count",
       [](context& in, const list& of, const arguments& a) -> value {
         a.at_most(1, "count");
         const auto& what = a.need(0, "count");
         return static_cast<std::int64_t>(
             std::count_if(of.items.begin(), of.items.end(), [&](const value& v) { return equal(in, v, what); }));
       }},
      {"copy", [](context& in, const list& of, const arguments&) { return in.make(of.items, of.tuple); }},
  };
  return all;
}

/// `size`: of all that the method may look at.
template <class Methods, class Of>
bool call_one_of(const Methods& methods, std::size_t size, context& in, const Of& of, std::string_view name,
                 const arguments& given, value& result) {
  auto found = methods.find(name);
  if (found == methods.end()) return false;
  in.work(1 + size);
  result = found->second(in, of, given);
  return true;
}

}  // namespace

bool has_method(const value& of, std::string_view name) {
  if (of.as_text()) return has_text_method(name);
  if (of.as_list()) return list_methods().contains(name);
  return of.as_mapping() && dict_methods().contains(name);
}

bool call_method(context& in, const value& of, std::string_view name, const arguments& given, value& result) {
  if (auto* t = of.as_text()) return call_text_method(in, *t, name, given, result);
  if (auto* l = of.as_list()) return call_one_of(list_methods(), l->items.size(), in, *l, name, given, result);
  if (auto* d = of.as_mapping()) return call_one_of(dict_methods(), d->entries.size(), in, *d, name, given, result);
  return false;
}

}  // namespace chromatin::model::jinja

// What stands behind `is`.

#include <cmath>
#include <unordered_map>

#include <fmt/format.h>

#include "model/jinja/filters.hpp"

namespace chromatin::model::jinja {
namespace {

using tests = std::unordered_map<std::string_view, test_function>;

std::int64_t remainder(context& in, const value& of, std::int64_t by) {
  auto rest = binary(in, "%", of, by);
  if (auto* i = rest.as_integer()) return *i;
  if (auto* f = rest.as_float()) return *f == 0 ? 0 : *f == 1 ? 1 : 2;
  throw fault(fmt::format("{} is no number", of.type_name()));
}

bool has_case(context& in, const value& of, std::string_view method) {
  value result;
  return call_text_method(in, as_text(in, of), method, {}, result) && result.truth();
}

/// Equal numbers of two kinds are two objects in Python.
bool same_object(context& in, const value& a, const value& b) {
  bool same_kind = !a.as_bool() == !b.as_bool() && !a.as_integer() == !b.as_integer() && !a.as_float() == !b.as_float();
  return same_kind && equal(in, a, b);
}

template <class Holds>
test_function comparing(Holds) {
  return [](context& in, const value& of, const arguments& given) {
    given.at_most(1, "the test");
    return Holds{}(in, of, given.need(0, "the test"));
  };
}

const tests& all_tests() {
  auto same = [](context& in, const value& a, const value& b) { return equal(in, a, b); };
  auto one_object = [](context& in, const value& a, const value& b) { return same_object(in, a, b); };
  auto other = [](context& in, const value& a, const value& b) { return !equal(in, a, b); };
  auto less = [](context& in, const value& a, const value& b) { return compare(in, a, b) < 0; };
  auto more = [](context& in, const value& a, const value& b) { return compare(in, a, b) > 0; };
  auto at_most = [](context& in, const value& a, const value& b) { return compare(in, a, b) <= 0; };
  auto at_least = [](context& in, const value& a, const value& b) { return compare(in, a, b) >= 0; };
  auto within = [](context& in, const value& a, const value& b) { return contains(in, b, a); };
  static const tests all{
      {"defined", [](context&, const value& of, const arguments&) { return !of.is_undefined(); }},
      {"undefined", [](context&, const value& of, const arguments&) { return of.is_undefined(); }},
      {"none", [](context&, const value& of, const arguments&) { return of.is_none(); }},
      {"boolean", [](context&, const value& of, const arguments&) { return of.as_bool() != nullptr; }},
      {"true", [](context&, const value& of, const arguments&) { return of.as_bool() && *of.as_bool(); }},
      {"false", [](context&, const value& of, const arguments&) { return of.as_bool() && !*of.as_bool(); }},
      {"integer", [](context&, const value& of, const arguments&) { return of.as_integer() != nullptr; }},
      {"float", [](context&, const value& of, const arguments&) { return of.as_float() != nullptr; }},
      {"number",
       [](context&, const value& of, const arguments&) { return of.as_integer() || of.as_float() || of.as_bool(); }},
      {"string", [](context&, const value& of, const arguments&) { return of.as_text() != nullptr; }},
      {"mapping", [](context&, const value& of, const arguments&) { return of.as_mapping() != nullptr; }},
      {"sequence",
       // Python asks for methods, and Jinja's undefined has all of them.
       [](context&, const value& of, const arguments&) {
         return of.as_text() || of.as_list() || of.as_mapping() || of.is_undefined();
       }},
      {"iterable",
       [](context&, const value& of, const arguments&) {
         return of.as_text() || of.as_list() || of.as_mapping() || of.is_undefined();
       }},
      {"callable",
       [](context&, const value& of, const arguments&) {
         return of.is_undefined() || (of.as_object() && of.as_object()->callable());
       }},
      {"escaped", [](context&, const value&, const arguments&) { return false; }},
      {"odd", [](context& in, const value& of, const arguments&) { return remainder(in, of, 2) == 1; }},
      {"even", [](context& in, const value& of, const arguments&) { return remainder(in, of, 2) == 0; }},
      {"divisibleby", [](context& in, const value& of,
                         const arguments& given) { return remainder(in, of, given.integer(0, "num", 0)) == 0; }},
      {"lower", [](context& in, const value& of, const arguments&) { return has_case(in, of, "islower"); }},
      {"upper", [](context& in, const value& of, const arguments&) { return has_case(in, of, "isupper"); }},
      {"filter", [](context&, const value& of,
                    const arguments&) { return of.as_text() && find_filter(of.as_text()->bytes()) != nullptr; }},
      {"test", [](context&, const value& of,
                  const arguments&) { return of.as_text() && find_test(of.as_text()->bytes()) != nullptr; }},
      {"sameas", comparing(one_object)},
      {"eq", comparing(same)},
      {"equalto", comparing(same)},
      {"==", comparing(same)},
      {"ne", comparing(other)},
      {"!=", comparing(other)},
      {"lt", comparing(less)},
      {"<", comparing(less)},
      {"lessthan", comparing(less)},
      {"gt", comparing(more)},
      {"greaterthan", comparing(more)},
      {">", comparing(more)},
      {"le", comparing(at_most)},
      {"<=", comparing(at_most)},
      {"ge", comparing(at_least)},
      {">=", comparing(at_least)},
      {"in", comparing(within)},
  };
  return all;
}

}  // namespace

test_function find_test(std::string_view name) {
  auto found = all_tests().find(name);
  return found == all_tests().end() ? nullptr : found->second;
}

}  // namespace chromatin::model::jinja

// Filters on any value, on numbers and mappings.

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "model/jinja/characters.hpp"
#include "model/jinja/filters.hpp"
#include "model/jinja/literals.hpp"

namespace chromatin::model::jinja {
namespace {

value fallback(context&, const value& of, const arguments& given) {
  given.at_most(2, "default", {"default_value", "boolean"});
  bool missing = of.is_undefined() || (given.flag(1, "boolean", false) && !of.truth());
  if (!missing) return of;
  auto* other = given.find(0, "default_value");
  return other ? *other : value::of(text{});
}

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(leading_space(text));
  text.remove_suffix(trailing_space(text));
  return text;
}

std::optional<double> parsed_real(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::int64_t> whole_part(double number) {
  if (!(std::abs(number) < 9.2e18)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::int64_t whole_number(const value& of) { return of.as_bool() ? *of.as_bool() : *of.as_integer(); }

/// Digits as Python reads them: grouped by single underscores, and of base 16, 8 or 2 behind 0x, 0o or 0b.
std::string plain_digits(std::string_view text, int base) {
  std::string digits{trimmed(text)};
  auto sign = static_cast<std::size_t>(digits.starts_with('+') || digits.starts_with('-'));
  std::string_view letters = base == 16 ? "xX" : base == 8 ? "oO" : base == 2 ? "bB" : "";
  if (digits.size() > sign + 2 && digits[sign] == '0' && letters.find(digits[sign + 1]) != std::string_view::npos)
    digits.erase(sign, 2);
  for (auto at = digits.find('_', sign + 1); at != std::string::npos; at = digits.find('_', at)) {
    if (at + 1 == digits.size() || digits[at + 1] == '_') break;  // no digits, which whoever reads them finds
    digits.erase(at, 1);
  }
  if (digits.starts_with('+')) digits.erase(0, 1);
  return digits;
}

value to_integer(context&, const value& of, const arguments& given) {
  given.at_most(2, "int", {"default", "base"});
  must_be_there(of);
  auto* other = given.find(0, "default");
  value otherwise = other ? *other : value{std::int64_t{0}};
  std::optional<std::int64_t> result;
  if (of.as_integer()) return of;
  if (auto* b = of.as_bool()) return static_cast<std::int64_t>(*b);
  if (auto* f = of.as_float()) result = whole_part(*f);
  if (auto* t = of.as_text()) {
    auto base = static_cast<int>(std::clamp<std::int64_t>(given.integer(1, "base", 10), 2, 36));
    auto digits = plain_digits(t->bytes(), base);
    std::int64_t number = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
    if (error == std::errc{} && end == digits.data() + digits.size()) return number;
    if (auto real = parsed_real(digits)) result = whole_part(*real);
  }
  return result ? value{*result} : otherwise;
}

value to_float(context&, const value& of, const arguments& given) {
  given.at_most(1, "float", {"default"});
  must_be_there(of);
  if (of.as_float()) return of;
  if (auto* i = of.as_integer()) return static_cast<double>(*i);
  if (auto* b = of.as_bool()) return *b ? 1.0 : 0.0;
  if (auto* t = of.as_text())
    if (auto number = parsed_real(t->bytes())) return *number;
  auto* other = given.find(0, "default");
  return other ? *other : value{0.0};
}

value absolute(context& in, const value& of, const arguments&) {
  if (auto* f = of.as_float()) return std::abs(*f);
  return compare(in, of, std::int64_t{0}) < 0 ? binary(in, "*", of, std::int64_t{-1})
                                              : binary(in, "*", of, std::int64_t{1});
}

value rounded(context& in, const value& of, const arguments& given) {
  given.at_most(2, "round", {"precision", "method"});
  double number = 0;
  if (auto* f = of.as_float())
    number = *f;
  else if (of.as_integer() || of.as_bool())
    number = static_cast<double>(whole_number(of));
  else
    throw fault(fmt::format("{} is no number", of.type_name()));
  auto precision = std::clamp<std::int64_t>(given.integer(0, "precision", 0), -15, 15);
  auto* method = given.find(1, "method");
  auto how = method ? as_text(in, *method).bytes() : "common";
  if (how == "common" && !of.as_float() && precision >= 0) return whole_number(of);  // stays an integer
  auto scale = std::pow(10.0, static_cast<double>(precision));
  if (how == "ceil") return std::ceil(number * scale) / scale;
  if (how == "floor") return std::floor(number * scale) / scale;
  if (how != "common") throw fault("round() knows common, ceil and floor");
  if (precision < 0) {
    auto result = std::nearbyint(number * scale) / scale;
    return of.as_float() ? value{result} : value{whole_part(result).value_or(0)};
  }
  return parsed_real(fmt::format("{:.{}f}", number, precision)).value_or(number);  // to even, where it is in the middle
}

value as_json(context& in, const value& of, const arguments& given) {
  // In the order of transformers' filter, which is not that of Jinja's own.
  given.at_most(4, "tojson", {"indent", "ensure_ascii", "separators", "sort_keys"});
  json_style style;
  if (auto* indent = given.find(1, "indent"); indent && !indent->is_none()) {
    style.item_separator = ",";
    if (auto* t = indent->as_text())
      style.indent = t->bytes();
    else
      style.indent =
          std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(given.integer(1, "indent", 0), 0, 64)), ' ');
  }
  style.ascii = given.flag(0, "ensure_ascii", false);
  style.sorted = given.flag(3, "sort_keys", false);
  if (auto* both = given.find(2, "separators"); both && !both->is_none()) {
    auto* l = both->as_list();
    if (!l || l->items.size() != 2 || !l->items[0].as_text() || !l->items[1].as_text())
      throw fault("separators are two strings");
    style.item_separator = l->items[0].as_text()->bytes();
    style.key_separator = l->items[1].as_text()->bytes();
  }
  return in.make(to_json(in, of, style));
}

value items(context& in, const value& of, const arguments&) {
  if (of.is_undefined()) return in.make(std::vector<value>{});
  if (!of.as_mapping()) throw fault("only mappings have items");
  value result;
  call_method(in, of, "items", {}, result);
  return result;
}

value sorted_items(context& in, const value& of, const arguments& given) {
  given.at_most(3, "dictsort", {"case_sensitive", "by", "reverse"});
  auto pairs = items_of(in, items(in, of, {}));
  bool case_sensitive = given.flag(0, "case_sensitive", false), reverse = given.flag(2, "reverse", false);
  auto* by = given.find(1, "by");
  std::size_t column = by && as_text(in, *by).bytes() == "value";
  auto key = [&](const value& pair) {
    const auto& v = pair.as_list()->items[column];
    return v.as_text() && !case_sensitive ? value::of(text{lower(v.as_text()->bytes())}) : v;
  };
  in.work(pairs.size() * 8);
  std::stable_sort(pairs.begin(), pairs.end(), [&](const value& a, const value& b) {
    return reverse ? compare(in, key(a), key(b)) > 0 : compare(in, key(a), key(b)) < 0;
  });
  return in.make(std::move(pairs));
}

value attribute(context& in, const value& of, const arguments& given) {
  const auto& name = given.word(0, "attr", "name").bytes();
  // Attributes only: what a mapping holds is found by a subscript.
  if (of.as_mapping() && !has_method(of, name)) return {};
  return attribute_of(in, of, name);
}

}  // namespace

const filters& value_filters() {
  static const filters all{
      {"default", fallback},
      {"d", fallback},
      {"int", to_integer},
      {"float", to_float},
      {"abs", absolute},
      {"round", rounded},
      {"tojson", as_json},
      {"items", items},
      {"dictsort", sorted_items},
      {"attr", attribute},
      {"safe", [](context& in, const value& of, const arguments&) { return in.make(as_text(in, of)); }},
      {"string", [](context& in, const value& of, const arguments&) { return in.make(as_text(in, of)); }},
      {"length", [](context&, const value& of, const arguments&) { return value{length_of(of)}; }},
      {"count", [](context&, const value& of, const arguments&) { return value{length_of(of)}; }},
  };
  return all;
}

text as_text(context& in, const value& of) { return shown(in, of); }

filter_function find_filter(std::string_view name) {
  for (const auto* table : {&value_filters(), &text_filters(), &list_filters(), &selecting_filters()})
    if (auto found = table->find(name); found != table->end()) return found->second;
  return nullptr;
}

}  // namespace chromatin::model::jinja

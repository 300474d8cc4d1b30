#include <cmath>

#include <fmt/format.h>

#include "model/jinja/characters.hpp"
#include "model/jinja/library.hpp"
#include "model/jinja/literals.hpp"

namespace chromatin::model::jinja {
namespace {

/// Bools count as numbers.
const std::int64_t* integer(const value& of, std::int64_t& room) {
  if (auto* b = of.as_bool())
    room = *b;
  else if (auto* i = of.as_integer())
    room = *i;
  else
    return nullptr;
  return &room;
}

std::optional<double> number(const value& of) {
  std::int64_t room = 0;
  if (auto* f = of.as_float()) return *f;
  if (integer(of, room)) return static_cast<double>(room);
  return std::nullopt;
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - ((a % b != 0) && ((a < 0) != (b < 0))); }

[[noreturn]] void too_large() { throw fault("the number is too large"); }

std::int64_t power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) too_large();
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) too_large();
  }
  return result;
}

value integers(std::string_view sign, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (sign == "+" && !__builtin_add_overflow(a, b, &result)) return result;
  if (sign == "-" && !__builtin_sub_overflow(a, b, &result)) return result;
  if (sign == "*" && !__builtin_mul_overflow(a, b, &result)) return result;
  if (sign == "**" && b >= 0) return power(a, b);
  if ((sign == "//" || sign == "%") && b != 0 && !(b == -1 && a == INT64_MIN))
    return sign == "//" ? floor_divide(a, b) : a - floor_divide(a, b) * b;
  if (sign == "//" || sign == "%") {
    if (b == 0) throw fault("division by zero");
  }
  if (sign == "+" || sign == "-" || sign == "*" || sign == "//" || sign == "%") too_large();
  return {};
}

value floats(std::string_view sign, double a, double b) {
  if (sign == "+") return a + b;
  if (sign == "-") return a - b;
  if (sign == "*") return a * b;
  if (sign == "**") {
    if (a == 0 && b < 0) throw fault("zero cannot be raised to a negative power");
    auto result = std::pow(a, b);
    if (!std::isfinite(result)) too_large();
    return result;
  }
  if (b == 0) throw fault("division by zero");
  if (sign == "/") return a / b;
  if (sign == "//") return std::floor(a / b);
  if (sign == "%") {
    auto rest = std::fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  }
  return {};
}

value repeated(context& in, const value& of, std::int64_t count) {
  count = std::max<std::int64_t>(count, 0);
  if (auto* t = of.as_text()) {
    if (count > 0 && t->size() > (std::uint64_t{1} << 32) / static_cast<std::uint64_t>(count)) too_large();
    in.pass(t->size() * static_cast<std::uint64_t>(count));
    in.work(t->runs().size() * static_cast<std::uint64_t>(count));
    text result;
    for (std::int64_t i = 0; i < count; ++i) result.append(*t);
    return in.make(std::move(result));
  }
  const auto& items = of.as_list()->items;
  if (count > 0 && items.size() > (std::uint64_t{1} << 28) / static_cast<std::uint64_t>(count)) too_large();
  in.pass(items.size() * static_cast<std::uint64_t>(count) * sizeof(value));
  std::vector<value> all;
  for (std::int64_t i = 0; i < count; ++i) all.insert(all.end(), items.begin(), items.end());
  return in.make(std::move(all), of.as_list()->tuple);
}

int sign_of(double difference) { return difference < 0 ? -1 : difference > 0; }

}  // namespace

void must_be_there(const value& of) {
  if (of.is_undefined()) throw fault(of.what());
}

value binary(context& in, std::string_view sign, const value& left, const value& right) {
  must_be_there(left);
  if (sign == "%" && left.as_text()) {
    auto* several = right.as_list();
    auto values = several && several->tuple ? several->items : std::vector<value>{right};
    return in.make(formatted(in, *left.as_text(), values));
  }
  must_be_there(right);
  std::int64_t a = 0, b = 0;
  auto *l = integer(left, a), *r = integer(right, b);
  if (l && r && sign != "/" && (sign != "**" || b >= 0)) return integers(sign, a, b);
  if (auto x = number(left), y = number(right); x && y) return floats(sign, *x, *y);
  if (sign == "+" && left.as_text() && right.as_text()) {
    auto bytes = left.as_text()->size() + right.as_text()->size();
    in.pass(bytes);
    auto both = *left.as_text();
    both.append(*right.as_text());
    return in.make(std::move(both));
  }
  if (sign == "+" && left.as_list() && right.as_list() && left.as_list()->tuple == right.as_list()->tuple) {
    auto all = left.as_list()->items;
    all.insert(all.end(), right.as_list()->items.begin(), right.as_list()->items.end());
    in.work(all.size());
    return in.make(std::move(all), left.as_list()->tuple);
  }
  if (sign == "*" && (left.as_text() || left.as_list()) && r) return repeated(in, left, b);
  if (sign == "*" && (right.as_text() || right.as_list()) && l) return repeated(in, right, a);
  throw fault(fmt::format("'{}' does not go with {} and {}", sign, left.type_name(), right.type_name()));
}

bool equal(context& in, const value& left, const value& right) {
  in.work(1);
  if (auto x = number(left), y = number(right); x && y) {
    std::int64_t a = 0, b = 0;
    return integer(left, a) && integer(right, b) ? a == b : *x == *y;
  }
  if (left.is_none() || left.is_undefined())
    return left.is_none() == right.is_none() && left.is_undefined() == right.is_undefined();
  if (left.as_text() && right.as_text()) return left.as_text()->bytes() == right.as_text()->bytes();
  if (auto* a = left.as_list(), *b = right.as_list(); a && b) {
    if (a->tuple != b->tuple || a->items.size() != b->items.size()) return false;
    for (std::size_t i = 0; i < a->items.size(); ++i)
      if (!equal(in, a->items[i], b->items[i])) return false;
    return true;
  }
  if (auto* a = left.as_mapping(), *b = right.as_mapping(); a && b) {
    if (a->entries.size() != b->entries.size()) return false;
    for (const auto& [key, v] : a->entries)
      if (auto* other = b->find(key.bytes()); !other || !equal(in, v, *other)) return false;
    return true;
  }
  if (left.as_dict() && right.as_dict()) return left.as_dict() == right.as_dict();
  return left.as_object() && left.as_object() == right.as_object();
}

int compare(context& in, const value& left, const value& right) {
  in.work(1);
  must_be_there(left);
  must_be_there(right);
  std::int64_t a = 0, b = 0;
  if (integer(left, a) && integer(right, b)) return a < b ? -1 : a > b;
  if (auto x = number(left), y = number(right); x && y) return sign_of(*x - *y);
  if (left.as_text() && right.as_text()) {
    auto order = left.as_text()->bytes().compare(right.as_text()->bytes());
    return order < 0 ? -1 : order > 0;
  }
  if (auto* l = left.as_list(), *r = right.as_list(); l && r && l->tuple == r->tuple) {
    for (std::size_t i = 0; i < l->items.size() && i < r->items.size(); ++i)
      if (!equal(in, l->items[i], r->items[i])) return compare(in, l->items[i], r->items[i]);
    return l->items.size() < r->items.size() ? -1 : l->items.size() > r->items.size();
  }
  throw fault(fmt::format("{} and {} have no order", left.type_name(), right.type_name()));
}

bool contains(context& in, const value& of, const value& what) {
  if (of.is_undefined()) return false;
  if (auto* t = of.as_text()) {
    if (!what.as_text()) throw fault(fmt::format("a string holds strings, not {}", what.type_name()));
    in.work(t->size() / 64);
    return t->bytes().find(what.as_text()->bytes()) != std::string::npos;
  }
  if (auto* l = of.as_list()) {
    for (const auto& item : l->items)
      if (equal(in, item, what)) return true;
    return false;
  }
  if (auto* d = of.as_mapping()) return what.as_text() && d->find(what.as_text()->bytes());
  throw fault(fmt::format("{} holds nothing", of.type_name()));
}

std::vector<value> items_of(context& in, const value& of) {
  std::vector<value> items;
  if (auto* l = of.as_list()) {
    in.work(l->items.size());
    return l->items;
  }
  if (auto* d = of.as_mapping()) {
    for (const auto& [key, v] : d->entries) items.push_back(in.make(key));
  } else if (auto* t = of.as_text()) {
    in.pass(t->size() * 2);
    auto starts = character_starts(t->bytes());
    in.work(starts.size());
    for (std::size_t i = 0; i + 1 < starts.size(); ++i)
      items.push_back(in.make(t->part(starts[i], starts[i + 1] - starts[i])));
  } else if (!of.is_undefined()) {
    throw fault(fmt::format("{} is not iterable", of.type_name()));
  }
  return items;
}

std::int64_t length_of(const value& of) {
  if (of.is_undefined()) return 0;
  if (auto* t = of.as_text()) return static_cast<std::int64_t>(character_count(t->bytes()));
  if (auto* l = of.as_list()) return static_cast<std::int64_t>(l->items.size());
  if (auto* d = of.as_mapping()) return static_cast<std::int64_t>(d->entries.size());
  throw fault(fmt::format("{} has no length", of.type_name()));
}

}  // namespace chromatin::model::jinja

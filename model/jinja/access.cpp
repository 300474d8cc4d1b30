// Attributes, items and slices of values.

#include <algorithm>

#include <fmt/format.h>

#include "model/jinja/characters.hpp"
#include "model/jinja/library.hpp"

namespace chromatin::model::jinja {
namespace {

value missing(std::string why) { return undefined{std::make_shared<const std::string>(std::move(why))}; }

value missing_attribute(const value& of, std::string_view name) {
  return missing(fmt::format("{} has no attribute '{}'", of.type_name(), name));
}

/// A method that is not called at once.
struct bound_method : object {
  bound_method(value whose, std::string name) : self{std::move(whose)}, called{std::move(name)} {}
  std::string type_name() const override { return fmt::format("the method {}", called); }
  value call(context& in, const arguments& given) override {
    value result;
    call_method(in, self, called, given, result);
    return result;
  }
  value self;
  std::string called;
};

std::optional<std::int64_t> bound(const value& of) {
  if (of.is_none() || of.is_undefined()) return std::nullopt;
  if (auto* i = of.as_integer()) return *i;
  if (auto* b = of.as_bool()) return *b;
  throw fault("a slice's bounds are integers");
}

/// The indices that a slice takes of `size`.
std::vector<std::size_t> taken(std::int64_t size, const value& from, const value& to, const value& step) {
  auto stride = bound(step).value_or(1);
  if (stride == 0) throw fault("a slice's step cannot be zero");
  auto at = [&](std::optional<std::int64_t> given, std::int64_t fallback) {
    if (!given) return fallback;
    auto index = *given < 0 ? *given + size : *given;
    return stride > 0 ? std::clamp<std::int64_t>(index, 0, size) : std::clamp<std::int64_t>(index, -1, size - 1);
  };
  auto first = at(bound(from), stride > 0 ? 0 : size - 1), last = at(bound(to), stride > 0 ? size : -1);
  std::vector<std::size_t> all;
  if (stride > 0)
    for (auto i = first; i<last; i = stride> last - i ? last : i + stride) all.push_back(static_cast<std::size_t>(i));
  else
    for (auto i = first; i > last; i = stride < last - i ? last : i + stride)
      all.push_back(static_cast<std::size_t>(i));
  return all;
}

}  // namespace

value attribute_of(context& in, const value& of, std::string_view name) {
  (void)in;
  if (of.is_undefined()) throw fault(of.what());
  if (has_method(of, name)) return object_ptr{std::make_shared<bound_method>(of, std::string{name})};
  if (auto* d = of.as_dict()) {
    if (auto* found = d->find(name)) return *found;
  } else if (auto* pair = of.as_list(); pair && pair->group && (name == "grouper" || name == "list")) {
    return pair->items[name == "list"];
  } else if (auto* o = of.as_object()) {
    return o->attribute(name);
  }
  return missing_attribute(of, name);
}

value item_of(context& in, const value& of, const value& key) {
  if (of.is_undefined()) throw fault(of.what());
  if (auto* name = key.as_text()) {
    if (auto* d = of.as_mapping())
      if (auto* found = d->find(name->bytes())) return *found;
    return attribute_of(in, of, name->bytes());
  }
  auto* b = key.as_bool();
  auto* i = key.as_integer();
  if (!i && !b) return missing(fmt::format("{} has no such item", of.type_name()));
  auto index = i ? *i : static_cast<std::int64_t>(*b);
  if (auto* l = of.as_list()) {
    auto size = static_cast<std::int64_t>(l->items.size());
    if (index < 0) index += size;
    if (index >= 0 && index < size) return l->items[static_cast<std::size_t>(index)];
  } else if (auto* t = of.as_text()) {
    in.work(t->size() / 16);
    auto starts = character_starts(t->bytes());
    auto size = static_cast<std::int64_t>(starts.size()) - 1;
    if (index < 0) index += size;
    if (index >= 0 && index < size) {
      auto at = starts[static_cast<std::size_t>(index)];
      return in.make(t->part(at, starts[static_cast<std::size_t>(index) + 1] - at));
    }
  }
  return missing(fmt::format("{} has no element {}", of.type_name(), i ? *i : static_cast<std::int64_t>(*b)));
}

value attribute_at(context& in, const value& of, const value& path) {
  if (!path.as_text()) return item_of(in, of, path);
  std::string_view rest = path.as_text()->bytes();
  auto at = of;
  while (!at.is_undefined()) {
    auto end = rest.find('.');
    auto name = rest.substr(0, end);
    bool is_index = !name.empty() && name.size() < 10 && name.find_first_not_of("0123456789") == std::string_view::npos;
    at = is_index ? item_of(in, at, static_cast<std::int64_t>(std::stoi(std::string{name})))
                  : item_of(in, at, value::of(text{std::string{name}}));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return at;
}

value slice_of(context& in, const value& of, const value& from, const value& to, const value& step) {
  if (of.is_undefined()) throw fault(of.what());
  if (auto* l = of.as_list()) {
    std::vector<value> items;
    for (auto i : taken(static_cast<std::int64_t>(l->items.size()), from, to, step)) items.push_back(l->items[i]);
    in.work(items.size());
    return in.make(std::move(items), l->tuple);
  }
  auto* t = of.as_text();
  if (!t) throw fault(fmt::format("{} cannot be sliced", of.type_name()));
  in.pass(t->size() * sizeof(std::size_t));
  auto starts = character_starts(t->bytes());
  auto indices = taken(static_cast<std::int64_t>(starts.size()) - 1, from, to, step);
  if (!indices.empty() && bound(step).value_or(1) == 1) {
    auto first = starts[indices.front()];
    return in.make(t->part(first, starts[indices.back() + 1] - first));
  }
  in.work(indices.size() * (1 + t->runs().size()));
  text result;
  for (auto i : indices) result.append(*t, starts[i], starts[i + 1] - starts[i]);
  return in.make(std::move(result));
}

}  // namespace chromatin::model::jinja

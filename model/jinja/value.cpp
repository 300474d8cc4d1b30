#include "model/jinja/value.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace chromatin::model::jinja {
namespace {

std::uint32_t one_more(std::uint32_t depth) {
  if (depth >= depth_max) throw fault("values are nested too deeply");
  return depth + 1;
}

}  // namespace

const value* dict::find(std::string_view key) const {
  for (const auto& [k, v] : entries)
    if (k.bytes() == key) return &v;
  return nullptr;
}

void dict::set(const text& key, value to) {
  // A namespace may hold itself, and is taken apart by the run that made it: it counts as flat.
  if (!is_namespace) depth = std::max(depth, one_more(to.depth()));
  for (auto& [k, v] : entries)
    if (k.bytes() == key.bytes()) return void(v = std::move(to));
  entries.emplace_back(key, std::move(to));
}

value object::attribute(std::string_view name) const {
  return undefined{std::make_shared<const std::string>(fmt::format("{} has no attribute '{}'", type_name(), name))};
}

value object::call_with(context& in, const arguments& given, const value&) { return call(in, given); }

value value::of(std::vector<value> items, bool tuple) {
  list made{std::move(items), tuple};
  for (const auto& item : made.items) made.depth = std::max(made.depth, one_more(item.depth()));
  return std::make_shared<const list>(std::move(made));
}

value value::of(std::vector<std::pair<text, value>> entries) {
  dict made{std::move(entries)};
  for (const auto& [key, item] : made.entries) made.depth = std::max(made.depth, one_more(item.depth()));
  return std::make_shared<dict>(std::move(made));
}

const dict* value::as_mapping() const {
  auto* d = as_dict();
  return d && !d->is_namespace ? d : nullptr;
}

dict* value::as_namespace() const {
  auto* p = std::get_if<dict_ptr>(&held_);
  return p && (*p)->is_namespace ? p->get() : nullptr;
}

bool value::truth() const {
  if (auto* b = as_bool()) return *b;
  if (auto* i = as_integer()) return *i != 0;
  if (auto* f = as_float()) return *f != 0;
  if (auto* t = as_text()) return !t->empty();
  if (auto* l = as_list()) return !l->items.empty();
  if (auto* d = as_mapping()) return !d->entries.empty();
  return !is_undefined() && !is_none();
}

std::uint32_t value::depth() const {
  if (auto* l = as_list()) return l->depth;
  if (auto* d = as_mapping()) return d->depth;
  return 0;
}

std::string value::type_name() const {
  if (is_none()) return "None";
  if (as_bool()) return "'bool' object";
  if (as_integer()) return "'int' object";
  if (as_float()) return "'float' object";
  if (as_text()) return "'str' object";
  if (auto* l = as_list()) return l->tuple ? "'tuple' object" : "'list' object";
  if (auto* d = as_dict()) return d->is_namespace ? "a namespace" : "'dict' object";
  if (auto* o = as_object()) return o->type_name();
  return "an undefined value";
}

std::string value::what() const {
  auto* u = std::get_if<undefined>(&held_);
  return u && u->what ? *u->what : "the value is undefined";
}

const value* arguments::find(std::size_t at, std::string_view name) const {
  if (at < positional.size()) return &positional[at];
  if (name.empty()) return nullptr;
  for (const auto& [n, v] : named)
    if (n == name) return &v;
  return nullptr;
}

void arguments::at_most(std::size_t count, std::string_view of, std::initializer_list<std::string_view> names) const {
  if (positional.size() > count) throw fault(fmt::format("{}() takes at most {} arguments", of, count));
  for (const auto& [name, v] : named)
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw fault(fmt::format("{}() takes no argument '{}'", of, name));
}

const value& arguments::need(std::size_t at, std::string_view of, std::string_view name) const {
  if (auto* v = find(at, name)) return *v;
  throw fault(fmt::format("{}() needs more arguments", of));
}

std::int64_t arguments::integer(std::size_t at, std::string_view name, std::int64_t fallback) const {
  auto* v = find(at, name);
  if (!v || v->is_none()) return fallback;
  if (auto* i = v->as_integer()) return *i;
  if (auto* b = v->as_bool()) return *b;
  throw fault(fmt::format("'{}' must be an integer, not {}", name, v->type_name()));
}

bool arguments::flag(std::size_t at, std::string_view name, bool fallback) const {
  auto* v = find(at, name);
  return v ? v->truth() : fallback;
}

const text& arguments::word(std::size_t at, std::string_view of, std::string_view name) const {
  const auto& v = need(at, of, name);
  if (auto* t = v.as_text()) return *t;
  throw fault(fmt::format("{}() takes a string, not {}", of, v.type_name()));
}

}  // namespace chromatin::model::jinja

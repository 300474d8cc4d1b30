// Functions that every template may call.

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "model/jinja/library.hpp"
#include "model/jinja/literals.hpp"

namespace chromatin::model::jinja {
namespace {

using function_body = value (*)(context&, const arguments&);

struct function : object {
  function(std::string_view called, function_body does) : name{called}, body{does} {}
  std::string type_name() const override { return fmt::format("the function {}", name); }
  value call(context& in, const arguments& given) override { return body(in, given); }
  std::string_view name;
  function_body body;
};

value range(context& in, const arguments& given) {
  given.at_most(3, "range");
  if (given.positional.empty()) throw fault("range() needs more arguments");
  bool one = given.positional.size() == 1;
  auto from = one ? 0 : given.integer(0, "start", 0), to = given.integer(one ? 0 : 1, "stop", 0);
  auto step = given.integer(2, "step", 1);
  if (step == 0) throw fault("range() cannot step by zero");
  if (step > 0 ? from >= to : from <= to) return in.make(std::vector<value>{});
  auto unsigned_of = [](std::int64_t n) { return static_cast<std::uint64_t>(n); };
  auto width = step > 0 ? unsigned_of(to) - unsigned_of(from) : unsigned_of(from) - unsigned_of(to);
  auto count = (width - 1) / (step > 0 ? unsigned_of(step) : 0 - unsigned_of(step)) + 1;
  in.pass(std::min(count, std::uint64_t{1} << 48) * sizeof(value));
  std::vector<value> all;
  for (auto i = from; step > 0 ? i < to : i > to;) {
    all.push_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return in.make(std::move(all));
}

/// Entries of a mapping or of a list of pairs, and named arguments.
std::vector<std::pair<text, value>> entries_of(context& in, const arguments& given, std::string_view of) {
  if (given.positional.size() > 1) throw fault(fmt::format("{}() takes at most 1 argument", of));
  dict made;
  if (auto* first = given.find(0)) {
    if (auto* d = first->as_mapping()) {
      made.entries = d->entries;
    } else {
      for (const auto& pair : items_of(in, *first)) {
        auto both = items_of(in, pair);
        if (both.size() != 2 || !both[0].as_text())
          throw fault(fmt::format("{}() takes pairs of a string and a value", of));
        made.set(*both[0].as_text(), both[1]);
      }
    }
  }
  for (const auto& [name, v] : given.named) made.set(text{name}, v);
  return std::move(made.entries);
}

struct joiner : object {
  explicit joiner(text s) : separator{std::move(s)} {}
  std::string type_name() const override { return "a joiner"; }
  value call(context& in, const arguments&) override {
    bool first = !used;
    used = true;
    return in.make(first ? text{} : separator);
  }
  text separator;
  bool used = false;
};

const std::unordered_map<std::string_view, function_body>& functions() {
  static const std::unordered_map<std::string_view, function_body> all{
      {"range", range},
      {"dict", [](context& in, const arguments& given) { return in.make(entries_of(in, given, "dict")); }},
      {"namespace",
       [](context& in, const arguments& given) { return in.make_namespace(entries_of(in, given, "namespace")); }},
      {"raise_exception",
       [](context& in, const arguments& given) -> value {
         throw raised(shown(in, given.need(0, "raise_exception")).bytes());
       }},
      {"strftime_now",
       [](context& in, const arguments& given) {
         return in.make(time_text(in.now_s().value_or(0), given.word(0, "strftime_now").bytes()));
       }},
      {"joiner",
       [](context&, const arguments& given) -> value {
         return object_ptr{
             std::make_shared<joiner>(given.find(0, "sep") ? given.word(0, "joiner", "sep") : text{", "})};
       }},
  };
  return all;
}

}  // namespace

value find_global(const context& in, std::string_view name) {
  auto found = functions().find(name);
  if (found == functions().end() || (name == "strftime_now" && !in.now_s())) return {};
  return object_ptr{std::make_shared<function>(found->first, found->second)};
}

}  // namespace chromatin::model::jinja

#pragma once

/// What variables of a template hold. Values are shared and, but for namespaces, never change once made; a run's values
/// belong to its thread.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "model/jinja/error.hpp"
#include "model/jinja/text.hpp"

namespace chromatin::model::jinja {

class value;
class context;
struct arguments;

/// A variable or attribute that is not there. `what` says which, for errors.
struct undefined {
  std::shared_ptr<const std::string> what;
};
struct none {};

struct list {
  std::vector<value> items;
  bool tuple = false;
  std::uint32_t depth = 1;  ///< of what it contains, with itself
  bool group = false;       ///< a pair of groupby's, which has `grouper` and `list`
};

/// Keys in the order in which they came.
struct dict {
  std::vector<std::pair<text, value>> entries;
  bool is_namespace = false;  ///< may be assigned to
  std::uint32_t depth = 1;

  const value* find(std::string_view key) const;
  void set(const text& key, value to);
};

/// What only the interpreter knows: a macro, a loop, a function, a method of some value.
struct object {
  virtual ~object() = default;
  virtual std::string type_name() const = 0;
  virtual bool callable() const { return true; }
  virtual value attribute(std::string_view name) const;
  virtual value call(context& in, const arguments& given) = 0;
  /// With the body of a call block, which a macro finds as `caller`.
  virtual value call_with(context& in, const arguments& given, const value& caller);
};

using text_ptr = std::shared_ptr<const text>;
using list_ptr = std::shared_ptr<const list>;
using dict_ptr = std::shared_ptr<dict>;
using object_ptr = std::shared_ptr<object>;

class value {
 public:
  value() = default;  ///< undefined
  value(undefined v) : held_{std::move(v)} {}
  value(none v) : held_{v} {}
  value(bool v) : held_{v} {}
  value(std::int64_t v) : held_{v} {}
  value(double v) : held_{v} {}
  value(text_ptr v) : held_{std::move(v)} {}
  value(list_ptr v) : held_{std::move(v)} {}
  value(dict_ptr v) : held_{std::move(v)} {}
  value(object_ptr v) : held_{std::move(v)} {}
  /// Values that come from outside a run: they are in nobody's budget.
  static value of(text v) { return std::make_shared<const text>(std::move(v)); }
  static value of(std::vector<value> items, bool tuple = false);
  static value of(std::vector<std::pair<text, value>> entries);

  bool is_undefined() const { return std::holds_alternative<undefined>(held_); }
  bool is_none() const { return std::holds_alternative<none>(held_); }
  const bool* as_bool() const { return std::get_if<bool>(&held_); }
  const std::int64_t* as_integer() const { return std::get_if<std::int64_t>(&held_); }
  const double* as_float() const { return std::get_if<double>(&held_); }
  const text* as_text() const { return pointee<text_ptr>(); }
  const list* as_list() const { return pointee<list_ptr>(); }
  const dict* as_dict() const { return pointee<dict_ptr>(); }
  /// A dict that is not a namespace.
  const dict* as_mapping() const;
  dict* as_namespace() const;
  object* as_object() const {
    auto* p = std::get_if<object_ptr>(&held_);
    return p ? p->get() : nullptr;
  }
  object_ptr shared_object() const {
    auto* p = std::get_if<object_ptr>(&held_);
    return p ? *p : nullptr;
  }

  bool truth() const;
  std::uint32_t depth() const;
  /// As Python calls it, for errors: `'int' object`.
  std::string type_name() const;
  /// Of an undefined value, for errors: what is undefined.
  std::string what() const;

 private:
  template <class P>
  typename P::element_type* pointee() const {
    auto* p = std::get_if<P>(&held_);
    return p ? p->get() : nullptr;
  }

  std::variant<undefined, none, bool, std::int64_t, double, text_ptr, list_ptr, dict_ptr, object_ptr> held_;
};

/// What a function, a filter or a test is called with.
struct arguments {
  std::vector<value> positional;
  std::vector<std::pair<std::string, value>> named;

  /// By place, else by name; null if it is not given.
  const value* find(std::size_t at, std::string_view name = {}) const;
  /// Throws a fault if there are more, or others, than a callee called `of` takes.
  void at_most(std::size_t count, std::string_view of, std::initializer_list<std::string_view> names = {}) const;
  const value& need(std::size_t at, std::string_view of, std::string_view name = {}) const;
  std::int64_t integer(std::size_t at, std::string_view name, std::int64_t fallback) const;
  bool flag(std::size_t at, std::string_view name, bool fallback) const;
  /// A text that must be given.
  const text& word(std::size_t at, std::string_view of, std::string_view name = {}) const;
};

/// Deeper values are refused: what walks through them does so on the stack.
inline constexpr std::uint32_t depth_max = 100;

}  // namespace chromatin::model::jinja

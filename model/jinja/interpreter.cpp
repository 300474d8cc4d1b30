#include "model/jinja/interpreter.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/jinja/library.hpp"
#include "model/jinja/literals.hpp"

namespace chromatin::model::jinja {
namespace {

/// Of all expressions and blocks inside each other, macros that call themselves included: each takes room on the stack.
constexpr int depth_most = 1000;

class deeper {
 public:
  explicit deeper(int& depth) : depth_{depth} {
    if (depth_ >= depth_most) throw fault("the template calls itself too deeply");
    ++depth_;
  }
  ~deeper() { --depth_; }
  deeper(const deeper&) = delete;
  deeper& operator=(const deeper&) = delete;

 private:
  int& depth_;
};

value undefined_name(const std::string& name) {
  return undefined{std::make_shared<const std::string>(fmt::format("'{}' is undefined", name))};
}

/// Runs `what`, and gives its faults a place.
template <class What>
auto placed(place at, What what) {
  try {
    return what();
  } catch (const raised& f) {
    throw template_error(f.what(), at, true);
  } catch (const fault& f) {
    throw template_error(f.what(), at);
  }
}

}  // namespace

interpreter::~interpreter() {
  in_.clear();
  for (auto& one : kept_) one->clear();
}

text interpreter::run(const std::vector<std::pair<std::string, value>>& given) {
  auto outermost = std::make_shared<scope>();
  for (const auto& [name, v] : given)
    for (symbol s = 0; s < tree_.names.size(); ++s)
      if (tree_.names[s] == name) outermost->set(s, v);
  auto own = std::make_shared<scope>(outermost);
  growing_text out{in_};
  execute(tree_.statements, own, out);
  return out.take();
}

value interpreter::evaluate(const expression& e, const scope_ptr& in) {
  return placed(e.at, [&] {
    deeper now{depth_};
    in_.work(1);
    return evaluate_inside(e, in);
  });
}

value interpreter::evaluate_inside(const expression& e, const scope_ptr& in) {
  auto part = [&](std::size_t i) { return evaluate(*e.parts[i], in); };
  switch (e.type) {
    case expression::kind::constant:
      return e.constant;
    case expression::kind::name:
      return evaluate_name(e, in);
    case expression::kind::tuple:
      return in_.make(evaluate_all(e.parts, in), true);
    case expression::kind::list:
      return in_.make(evaluate_all(e.parts, in));
    case expression::kind::dict:
      return evaluate_dict(e, in);
    case expression::kind::negative: {
      auto of = part(0);
      return of.as_float() ? value{-*of.as_float()} : binary(in_, "-", std::int64_t{0}, of);
    }
    case expression::kind::positive:
      return binary(in_, "+", std::int64_t{0}, part(0));
    case expression::kind::inverse:
      return !part(0).truth();
    case expression::kind::both: {
      auto left = part(0);
      return left.truth() ? part(1) : left;
    }
    case expression::kind::either: {
      auto left = part(0);
      return left.truth() ? left : part(1);
    }
    case expression::kind::binary: {
      auto left = part(0);
      return binary(in_, e.word, left, part(1));
    }
    case expression::kind::join:
      return evaluate_join(e, in);
    case expression::kind::comparison:
      return evaluate_comparison(e, in);
    case expression::kind::conditional:
      return part(1).truth() ? part(0) : evaluate_or_nothing(e.parts[2], in);
    case expression::kind::attribute:
      return attribute_of(in_, part(0), e.word);
    case expression::kind::item: {
      auto of = part(0);
      return item_of(in_, of, part(1));
    }
    case expression::kind::slice: {
      auto of = part(0), from = evaluate_or_nothing(e.parts[1], in), to = evaluate_or_nothing(e.parts[2], in);
      return slice_of(in_, of, from, to, evaluate_or_nothing(e.parts[3], in));
    }
    case expression::kind::call:
      return evaluate_call(e, in);
    case expression::kind::filter:
      return evaluate_filter(e, in);
    case expression::kind::test:
      return evaluate_test(e, in);
  }
  return {};
}

value interpreter::evaluate_or_nothing(const expression_ptr& e, const scope_ptr& in) {
  return e ? evaluate(*e, in) : value{};
}

value interpreter::evaluate_name(const expression& e, const scope_ptr& in) {
  if (auto* found = in->find(e.name)) return *found;
  const auto& name = tree_.names[e.name];
  auto global = find_global(in_, name);
  return global.is_undefined() ? undefined_name(name) : global;
}

std::vector<value> interpreter::evaluate_all(const std::vector<expression_ptr>& parts, const scope_ptr& in) {
  std::vector<value> all;
  for (const auto& part : parts) all.push_back(evaluate(*part, in));
  return all;
}

value interpreter::evaluate_dict(const expression& e, const scope_ptr& in) {
  dict made;
  for (std::size_t i = 0; i < e.parts.size(); i += 2) {
    auto key = evaluate(*e.parts[i], in);
    if (!key.as_text()) throw fault(fmt::format("a key is a string here, not {}", key.type_name()));
    in_.work(made.entries.size());
    made.set(*key.as_text(), evaluate(*e.parts[i + 1], in));
  }
  return in_.make(std::move(made.entries));
}

value interpreter::evaluate_join(const expression& e, const scope_ptr& in) {
  growing_text all{in_};
  for (const auto& part : e.parts) all.append(shown(in_, evaluate(*part, in)));
  return in_.make(all.take());
}

value interpreter::evaluate_comparison(const expression& e, const scope_ptr& in) {
  auto left = evaluate(*e.parts[0], in);
  for (std::size_t i = 0; i < e.words.size(); ++i) {
    auto right = evaluate(*e.parts[i + 1], in);
    const auto& word = e.words[i];
    bool holds = false;
    if (word == "==")
      holds = equal(in_, left, right);
    else if (word == "!=")
      holds = !equal(in_, left, right);
    else if (word == "in")
      holds = contains(in_, right, left);
    else if (word == "not in")
      holds = !contains(in_, right, left);
    else if (word == "<")
      holds = compare(in_, left, right) < 0;
    else if (word == ">")
      holds = compare(in_, left, right) > 0;
    else if (word == "<=")
      holds = compare(in_, left, right) <= 0;
    else
      holds = compare(in_, left, right) >= 0;
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

arguments interpreter::evaluate_arguments(const std::vector<argument>& given, const scope_ptr& in) {
  arguments all;
  auto name_value = [&](const std::string& name, value v) {
    for (const auto& [n, before] : all.named)
      if (n == name) throw fault(fmt::format("'{}' is given twice", name));
    in_.work(all.named.size());
    all.named.emplace_back(name, std::move(v));
  };
  for (const auto& one : given)
    if (one.type == argument::kind::positional)
      all.positional.push_back(evaluate(*one.of, in));
    else if (one.type == argument::kind::all_of_list)
      for (auto& item : items_of(in_, evaluate(*one.of, in))) all.positional.push_back(std::move(item));
  for (const auto& one : given)
    if (one.type == argument::kind::named) {
      name_value(one.name, evaluate(*one.of, in));
    } else if (one.type == argument::kind::all_of_dict) {
      auto of = evaluate(*one.of, in);
      if (!of.as_mapping()) throw fault(fmt::format("what stands behind ** is a mapping, not {}", of.type_name()));
      for (const auto& [key, v] : of.as_mapping()->entries) name_value(key.bytes(), v);
    }
  return all;
}

value interpreter::evaluate_call(const expression& e, const scope_ptr& in, const value* caller) {
  const auto& callee = *e.parts[0];
  value of, result;
  if (callee.type == expression::kind::attribute) {
    auto whose = evaluate(*callee.parts[0], in);
    auto given = evaluate_arguments(e.arguments, in);
    if (call_method(in_, whose, callee.word, given, result)) return result;
    of = placed(callee.at, [&] { return attribute_of(in_, whose, callee.word); });
    if (auto called = of.shared_object(); called && called->callable()) return called->call(in_, given);
  } else {
    of = evaluate(callee, in);
    if (auto called = of.shared_object(); called && called->callable()) {
      auto given = evaluate_arguments(e.arguments, in);
      return caller ? called->call_with(in_, given, *caller) : called->call(in_, given);
    }
  }
  throw fault(of.is_undefined() ? of.what() : fmt::format("{} is not callable", of.type_name()));
}

value interpreter::evaluate_filter(const expression& e, const scope_ptr& in) {
  auto of = evaluate(*e.parts[0], in);
  if (!e.filter) throw fault(fmt::format("there is no filter '{}'", e.word));
  auto given = evaluate_arguments(e.arguments, in);
  if (auto* t = of.as_text()) in_.work(t->size() / 16);
  return e.filter(in_, of, given);
}

bool interpreter::evaluate_test(const expression& e, const scope_ptr& in) {
  auto of = evaluate(*e.parts[0], in);
  if (!e.test) throw fault(fmt::format("there is no test '{}'", e.word));
  return e.test(in_, of, evaluate_arguments(e.arguments, in));
}

value interpreter::captured(const body& statements, const expression_ptr& filters, const scope_ptr& in) {
  auto own = std::make_shared<scope>(in);
  growing_text out{in_};
  execute(statements, own, out);
  auto made = in_.make(out.take());
  if (!filters) return made;
  own = std::make_shared<scope>(in);
  own->set(held_symbol, std::move(made));
  return evaluate(*filters, own);
}

interpreter::flow interpreter::execute(const body& statements, const scope_ptr& in, growing_text& out) {
  deeper now{depth_};
  for (const auto& s : statements)
    if (auto then = placed(s->at, [&] { return execute(*s, in, out); }); then != flow::on) return then;
  return flow::on;
}

}  // namespace chromatin::model::jinja

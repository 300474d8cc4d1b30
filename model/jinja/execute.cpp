// The part of the interpreter that carries out tags.

#include <algorithm>

#include <fmt/format.h>

#include "model/jinja/interpreter.hpp"
#include "model/jinja/library.hpp"
#include "model/jinja/literals.hpp"

namespace chromatin::model::jinja {
namespace {

/// The variable `loop` of one pass after the other.
struct loop_state : object, std::enable_shared_from_this<loop_state> {
  std::string type_name() const override { return "a loop"; }
  bool callable() const override { return of.recursive; }
  value call(context&, const arguments& given) override {
    return owner.run_loop(of, around, given.need(0, "loop"), depth + 1);
  }
  value attribute(std::string_view name) const override;

  loop_state(interpreter& runs, const statement& loop, scope_ptr outside, std::vector<value> all, std::int64_t deep)
      : owner{runs}, of{loop}, around{std::move(outside)}, items{std::move(all)}, depth{deep} {}

  interpreter& owner;
  const statement& of;
  scope_ptr around;
  std::vector<value> items;
  std::int64_t depth;
  std::size_t at = 0;
  value last_change;
  bool has_changed = false;
};

/// loop.cycle and loop.changed.
struct loop_method : object {
  loop_method(std::shared_ptr<const loop_state> of, bool cycle) : loop{std::move(of)}, cycles{cycle} {}
  std::string type_name() const override { return "a method of a loop"; }
  value call(context& in, const arguments& given) override {
    if (cycles) {
      if (given.positional.empty()) throw fault("cycle() needs items");
      return given.positional[loop->at % given.positional.size()];
    }
    auto& state = const_cast<loop_state&>(*loop);
    auto now = in.make(given.positional, true);
    bool changed = !state.has_changed || !equal(in, now, state.last_change);
    state.has_changed = true;
    state.last_change = std::move(now);
    return changed;
  }
  std::shared_ptr<const loop_state> loop;
  bool cycles;
};

value loop_state::attribute(std::string_view name) const {
  auto number = [](std::size_t n) { return value{static_cast<std::int64_t>(n)}; };
  if (name == "index") return number(at + 1);
  if (name == "index0") return number(at);
  if (name == "first") return at == 0;
  if (name == "last") return at + 1 == items.size();
  if (name == "length") return number(items.size());
  if (name == "revindex") return number(items.size() - at);
  if (name == "revindex0") return number(items.size() - at - 1);
  if (name == "depth") return depth;
  if (name == "depth0") return depth - 1;
  if (name == "cycle" || name == "changed")
    return object_ptr{std::make_shared<loop_method>(shared_from_this(), name == "cycle")};
  if (name == "previtem" && at > 0) return items[at - 1];
  if (name == "nextitem" && at + 1 < items.size()) return items[at + 1];
  return undefined{std::make_shared<const std::string>(fmt::format("there is no loop.{} here", name))};
}

struct macro_value : object {
  macro_value(interpreter& runs, const statement& is, scope_ptr outside)
      : owner{runs}, macro{is}, around{std::move(outside)} {}
  std::string type_name() const override { return fmt::format("the macro {}", macro.word); }
  value call(context&, const arguments& given) override { return owner.call_macro(macro, around, given, nullptr); }
  value call_with(context&, const arguments& given, const value& caller) override {
    return owner.call_macro(macro, around, given, &caller);
  }
  value attribute(std::string_view name) const override {
    return name == "name" ? value::of(text{macro.word}) : object::attribute(name);
  }
  interpreter& owner;
  const statement& macro;
  scope_ptr around;
};

}  // namespace

interpreter::flow interpreter::execute(const statement& s, const scope_ptr& in, growing_text& out) {
  in_.work(1);
  switch (s.type) {
    case statement::kind::put_text:
      out.append(s.plain);
      break;
    case statement::kind::put_value: {
      auto what = evaluate(*s.values[0], in);
      if (auto* t = what.as_text())
        out.append(*t);
      else
        out.append(shown(in_, what));
      break;
    }
    case statement::kind::choose:
      return execute_choice(s, in, out);
    case statement::kind::loop:
      execute_loop(s, in, evaluate(*s.values[0], in), 1, out);
      break;
    case statement::kind::set:
      execute_set(s, in);
      break;
    case statement::kind::set_body:
      assign(s.targets[0], captured(s.bodies[0], s.values[0], in), *in);
      break;
    case statement::kind::macro:
      in->set(s.name, make_macro(s, in));
      break;
    case statement::kind::call: {
      auto caller = make_macro(s, in);
      out.append(shown(in_, evaluate_call(*s.values[0], in, &caller)));
      break;
    }
    case statement::kind::filter:
      out.append(shown(in_, captured(s.bodies[0], s.values[0], in)));
      break;
    case statement::kind::with:
      return execute_with(s, in, out);
    case statement::kind::leave:
      return flow::leave;
    case statement::kind::next:
      return flow::next;
  }
  return flow::on;
}

interpreter::flow interpreter::execute_choice(const statement& s, const scope_ptr& in, growing_text& out) {
  for (std::size_t i = 0; i < s.bodies.size(); ++i)
    if (i >= s.values.size() || evaluate(*s.values[i], in).truth()) return execute(s.bodies[i], in, out);
  return flow::on;
}

interpreter::flow interpreter::execute_with(const statement& s, const scope_ptr& in, growing_text& out) {
  auto own = std::make_shared<scope>(in);
  std::vector<value> values = evaluate_all(s.values, in);
  for (std::size_t i = 0; i < values.size(); ++i) assign(s.targets[i], values[i], *own);
  return execute(s.bodies[0], own, out);
}

void interpreter::execute_set(const statement& s, const scope_ptr& in) {
  assign(s.targets[0], evaluate(*s.values[0], in), *in);
}

void interpreter::assign(const target& to, const value& what, scope& in) {
  if (to.type == target::kind::name) return in.set(to.name, what);
  if (to.type == target::kind::attribute) {
    auto* of = in.find(to.name);
    auto* names = of ? of->as_namespace() : nullptr;
    if (!names) throw fault("only a namespace has attributes that can be set");
    in_.work(names->entries.size());
    // What is added later is counted as work: it goes with the namespace.
    return names->set(text{to.attribute}, what);
  }
  auto items = items_of(in_, what);
  if (items.size() != to.parts.size())
    throw fault(fmt::format("{} values for {} names", items.size(), to.parts.size()));
  for (std::size_t i = 0; i < items.size(); ++i) assign(to.parts[i], items[i], in);
}

value interpreter::run_loop(const statement& loop, const scope_ptr& around, const value& over, std::int64_t depth) {
  growing_text out{in_};
  execute_loop(loop, around, over, depth, out);
  return in_.make(out.take());
}

void interpreter::execute_loop(const statement& s, const scope_ptr& in, const value& over, std::int64_t depth,
                               growing_text& out) {
  auto items = items_of(in_, over);
  if (s.values[1]) {
    std::vector<value> wanted;
    for (auto& item : items) {
      auto own = std::make_shared<scope>(in);
      assign(s.targets[0], item, *own);
      if (evaluate(*s.values[1], own).truth()) wanted.push_back(std::move(item));
    }
    items = std::move(wanted);
  }
  if (items.empty()) {
    if (s.bodies.size() > 1) execute(s.bodies[1], std::make_shared<scope>(in), out);
    return;
  }
  auto loop = std::make_shared<loop_state>(*this, s, in, std::move(items), depth);
  value loop_value{object_ptr{loop}};
  for (loop->at = 0; loop->at < loop->items.size(); ++loop->at) {
    in_.work(1);
    auto own = std::make_shared<scope>(in);
    own->set(loop_symbol, loop_value);
    assign(s.targets[0], loop->items[loop->at], *own);
    if (execute(s.bodies[0], own, out) == flow::leave) break;
  }
}

value interpreter::make_macro(const statement& macro, const scope_ptr& around) {
  if (std::find(kept_.begin(), kept_.end(), around) == kept_.end()) kept_.push_back(around);
  in_.work(kept_.size());
  return object_ptr{std::make_shared<macro_value>(*this, macro, around)};
}

value interpreter::call_macro(const statement& macro, const scope_ptr& around, const arguments& given,
                              const value* caller) {
  auto own = std::make_shared<scope>(around);
  std::vector<std::pair<text, value>> others;
  std::vector<value> more;
  if (given.positional.size() > macro.parameters.size() && !macro.takes_more)
    throw fault(fmt::format("macro {} takes not more than {} arguments", macro.word, macro.parameters.size()));
  if (caller && !macro.takes_caller) throw fault(fmt::format("macro {} does nothing with a call's body", macro.word));
  for (auto i = macro.parameters.size(); i < given.positional.size(); ++i) more.push_back(given.positional[i]);
  for (const auto& [name, v] : given.named) {
    auto which = std::find_if(macro.parameters.begin(), macro.parameters.end(),
                              [&, name = name](const parameter& p) { return p.word == name; });
    if (which == macro.parameters.end()) {
      if (!macro.takes_named) throw fault(fmt::format("macro {} takes no argument '{}'", macro.word, name));
      others.emplace_back(text{name}, v);
    } else if (static_cast<std::size_t>(which - macro.parameters.begin()) < given.positional.size()) {
      throw fault(fmt::format("macro {} has '{}' twice", macro.word, name));
    }
  }
  std::vector<const parameter*> missing;
  for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
    const auto& p = macro.parameters[i];
    auto* v = given.find(i, p.word);
    if (!v && p.fallback) missing.push_back(&p);
    own->set(
        p.name,
        v ? *v
          : undefined{std::make_shared<const std::string>(fmt::format("parameter '{}' was not provided", p.word))});
  }
  if (caller) own->set(caller_symbol, *caller);
  own->set(varargs_symbol, in_.make(std::move(more), true));
  own->set(kwargs_symbol, in_.make(std::move(others)));
  for (const auto* p : missing) own->set(p->name, evaluate(*p->fallback, own));
  growing_text out{in_};
  execute(macro.bodies[0], own, out);
  return in_.make(out.take());
}

}  // namespace chromatin::model::jinja

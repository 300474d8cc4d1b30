#pragma once

/// Runs a template's tree. Everything that goes wrong is a template_error with the place of what was run.

#include "model/jinja/scope.hpp"

namespace chromatin::model::jinja {

class interpreter {
 public:
  interpreter(const syntax& tree, context& in) : tree_{tree}, in_{in} {}
  interpreter(const interpreter&) = delete;
  interpreter& operator=(const interpreter&) = delete;
  ~interpreter();

  text run(const std::vector<std::pair<std::string, value>>& given);

  // For macros and loops, which are values that run something.
  value call_macro(const statement& macro, const scope_ptr& around, const arguments& given, const value* caller);
  value run_loop(const statement& loop, const scope_ptr& around, const value& over, std::int64_t depth);

 private:
  enum class flow { on, leave, next };

  value evaluate(const expression& e, const scope_ptr& in);
  value evaluate_inside(const expression& e, const scope_ptr& in);
  value evaluate_name(const expression& e, const scope_ptr& in);
  value evaluate_comparison(const expression& e, const scope_ptr& in);
  value evaluate_dict(const expression& e, const scope_ptr& in);
  value evaluate_join(const expression& e, const scope_ptr& in);
  value evaluate_call(const expression& e, const scope_ptr& in, const value* caller = nullptr);
  value evaluate_filter(const expression& e, const scope_ptr& in);
  bool evaluate_test(const expression& e, const scope_ptr& in);
  value evaluate_or_nothing(const expression_ptr& e, const scope_ptr& in);
  std::vector<value> evaluate_all(const std::vector<expression_ptr>& parts, const scope_ptr& in);
  arguments evaluate_arguments(const std::vector<argument>& given, const scope_ptr& in);

  flow execute(const body& statements, const scope_ptr& in, growing_text& out);
  flow execute(const statement& s, const scope_ptr& in, growing_text& out);
  flow execute_choice(const statement& s, const scope_ptr& in, growing_text& out);
  flow execute_with(const statement& s, const scope_ptr& in, growing_text& out);
  void execute_loop(const statement& s, const scope_ptr& in, const value& over, std::int64_t depth, growing_text& out);
  void execute_set(const statement& s, const scope_ptr& in);
  void assign(const target& to, const value& what, scope& in);
  /// A body's text, through a chain of filters where there is one.
  value captured(const body& statements, const expression_ptr& filters, const scope_ptr& in);
  value make_macro(const statement& macro, const scope_ptr& around);

  const syntax& tree_;
  context& in_;
  std::vector<scope_ptr> kept_;  ///< scopes that macros refer to, which may refer back
  int depth_ = 0;
};

}  // namespace chromatin::model::jinja

// The part of the parser that reads what stands behind a value: attributes, subscripts, calls, filters, tests.

#include <fmt/format.h>

#include "model/jinja/library.hpp"
#include "model/jinja/parser.hpp"

namespace chromatin::model::jinja {
namespace {

constexpr int chain_max = 100;

}  // namespace

expression_ptr expression_parser::read_postfix(expression_ptr of) {
  for (int chain = 0; is(".") || is("[") || is("("); ++chain) {
    if (chain > chain_max) refuse("this chain is too long");
    auto at = now().at;
    if (skip(".")) {
      auto name = take();
      auto made = make(expression::kind::attribute, name.at);
      if (name.type == token::kind::integer) {  // a.0 is a[0]
        made->type = expression::kind::item;
        made->parts.push_back(std::move(of));
        auto index = make(expression::kind::constant, name.at);
        index->constant = static_cast<std::int64_t>(name.value.size() < 10 ? std::stoi(name.value) : -1);
        made->parts.push_back(std::move(index));
      } else if (name.type == token::kind::name) {
        made->word = name.value;
        made->parts.push_back(std::move(of));
      } else {
        throw template_error(fmt::format("'{}' is not expected here", name.value), name.at);
      }
      of = std::move(made);
    } else if (skip("[")) {
      of = read_subscript(std::move(of), at);
    } else {
      auto made = make(expression::kind::call, at);
      made->parts.push_back(std::move(of));
      made->arguments = read_arguments();
      of = std::move(made);
    }
  }
  return of;
}

expression_ptr expression_parser::read_subscript(expression_ptr of, place at) {
  std::vector<expression_ptr> bounds;
  int colons = 0;
  bool has_value = false;
  expression_ptr current;
  while (!is("]")) {
    if (is(":")) {
      take();
      bounds.push_back(std::move(current));
      has_value = false;
      if (++colons > 2) refuse_token();
    } else {
      if (has_value) refuse_token();
      current = read_tuple();
      has_value = true;
    }
  }
  take();
  if (colons == 0) {
    if (!has_value) refuse("a subscript is expected here");
    return pair(expression::kind::item, at, {}, std::move(of), std::move(current));
  }
  auto made = make(expression::kind::slice, at);
  made->parts.push_back(std::move(of));
  bounds.push_back(std::move(current));
  bounds.resize(3);
  for (auto& bound : bounds) made->parts.push_back(std::move(bound));
  return made;
}

std::vector<argument> expression_parser::read_arguments() {
  nesting deeper{*this};
  std::vector<argument> all;
  expect("(");
  while (!skip(")")) {
    if (!all.empty()) {
      expect(",");
      if (skip(")")) break;
    }
    argument one;
    if (skip("*")) {
      one.type = argument::kind::all_of_list;
      one.of = read_expression();
    } else if (skip("**")) {
      one.type = argument::kind::all_of_dict;
      one.of = read_expression();
    } else {
      one.of = read_expression();
      if (one.of->type == expression::kind::name && skip("=")) {
        one.type = argument::kind::named;
        one.name = result_.names[one.of->name];
        one.of = read_expression();
      }
    }
    all.push_back(std::move(one));
  }
  return all;
}

expression_ptr expression_parser::read_filters(expression_ptr of) {
  for (int chain = 0;; ++chain) {
    if (chain > chain_max) refuse("this chain is too long");
    auto at = now().at;
    if (skip("|")) {
      of = read_filter(std::move(of));
    } else if (skip_word("is")) {
      of = read_test(std::move(of), at);
    } else if (is("(")) {  // what a filter gives may be called
      auto made = make(expression::kind::call, at);
      made->parts.push_back(std::move(of));
      made->arguments = read_arguments();
      of = std::move(made);
    } else {
      return of;
    }
  }
}

expression_ptr expression_parser::read_filter(expression_ptr of) {
  auto made = make(expression::kind::filter, now().at);
  made->word = expect_name();
  made->filter = find_filter(made->word);
  made->parts.push_back(std::move(of));
  if (is("(")) made->arguments = read_arguments();
  return made;
}

expression_ptr expression_parser::read_test(expression_ptr of, place at) {
  bool negated = skip_word("not");
  auto made = make(expression::kind::test, now().at);
  made->word = expect_name();
  made->test = find_test(made->word);
  made->parts.push_back(std::move(of));
  bool value_follows = now().type == token::kind::string || now().type == token::kind::integer ||
                       now().type == token::kind::real || is("[") || is("{") ||
                       (now().type == token::kind::name && !is_word("else") && !is_word("or") && !is_word("and") &&
                        !is_word("if") && !is_word("in") && !is_word("not") && !is_word("recursive"));
  if (is("(")) {
    made->arguments = read_arguments();
  } else if (value_follows) {
    if (is_word("is")) refuse("tests cannot be chained");
    argument one;
    one.of = read_postfix(read_primary());
    made->arguments.push_back(std::move(one));
  }
  if (!negated) return made;
  auto inverse = make(expression::kind::inverse, at);
  inverse->parts.push_back(std::move(made));
  return inverse;
}

}  // namespace chromatin::model::jinja

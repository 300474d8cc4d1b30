#include "model/jinja/parser.hpp"

#include <charconv>

#include <fmt/format.h>

#include "model/jinja/library.hpp"

namespace chromatin::model::jinja {
namespace {

/// Of brackets, blocks and chains of operators together: a deeper tree is walked through on the stack.
constexpr int nesting_max = 250;

}  // namespace

expression_parser::nesting::nesting(expression_parser& of) : of_{of} {
  if (++of_.depth_ > nesting_max) of_.refuse("this is nested too deeply");
}

expression_parser::expression_parser(std::string_view template_text) : tokens_{read_tokens(template_text)} {
  for (const char* name : {"loop", "caller", "varargs", "kwargs", " held"}) symbol_of(name);
}

jinja::symbol expression_parser::symbol_of(const std::string& name) {
  auto [found, is_new] = symbols_.emplace(name, static_cast<jinja::symbol>(result_.names.size()));
  if (is_new) result_.names.push_back(name);
  return found->second;
}

void expression_parser::refuse(const std::string& why) const { throw template_error(why, now().at); }

void expression_parser::refuse_token() const {
  if (now().type == token::kind::end) refuse("the template ends too early");
  refuse(fmt::format("'{}' is not expected here", now().value));
}

bool expression_parser::skip(std::string_view sign) {
  if (!is(sign)) return false;
  take();
  return true;
}

bool expression_parser::skip_word(std::string_view word) {
  if (!is_word(word)) return false;
  take();
  return true;
}

void expression_parser::expect(std::string_view sign) {
  if (skip(sign)) return;
  if (now().type == token::kind::end) refuse("the template ends too early");
  refuse(fmt::format("'{}' is expected here, not '{}'", sign, now().value));
}

std::string expression_parser::expect_name() {
  if (now().type != token::kind::name) refuse_token();
  return take().value;
}

expression_ptr expression_parser::make(expression::kind type, place at) const {
  return std::make_unique<expression>(expression{type, at});
}

expression_ptr expression_parser::pair(expression::kind type, place at, std::string word, expression_ptr left,
                                       expression_ptr right) {
  auto made = make(type, at);
  made->word = std::move(word);
  made->parts.push_back(std::move(left));
  made->parts.push_back(std::move(right));
  return made;
}

expression_ptr expression_parser::read_expression() {
  nesting deeper{*this};
  auto at = now().at;
  auto left = read_or();
  for (int chain = 0; skip_word("if"); ++chain) {
    if (chain > nesting_max) refuse("this is nested too deeply");
    auto made = pair(expression::kind::conditional, at, {}, std::move(left), read_or());
    made->parts.push_back(skip_word("else") ? read_expression() : nullptr);
    left = std::move(made);
  }
  return left;
}

expression_ptr expression_parser::read_tuple(bool conditions) {
  auto at = now().at;
  auto first = conditions ? read_expression() : read_or();
  if (!is(",")) return first;
  auto made = make(expression::kind::tuple, at);
  made->parts.push_back(std::move(first));
  while (skip(",")) {
    if (is(")") || is("=") || now().type == token::kind::block_end || now().type == token::kind::value_end) break;
    made->parts.push_back(conditions ? read_expression() : read_or());
  }
  return made;
}

expression_ptr expression_parser::read_or() {
  auto left = read_and();
  for (int chain = 0; is_word("or"); ++chain) {
    if (chain > nesting_max) refuse("this chain is too long");
    auto at = take().at;
    left = pair(expression::kind::either, at, {}, std::move(left), read_and());
  }
  return left;
}

expression_ptr expression_parser::read_and() {
  auto left = read_not();
  for (int chain = 0; is_word("and"); ++chain) {
    if (chain > nesting_max) refuse("this chain is too long");
    auto at = take().at;
    left = pair(expression::kind::both, at, {}, std::move(left), read_not());
  }
  return left;
}

expression_ptr expression_parser::read_not() {
  if (!is_word("not")) return read_comparison();
  nesting deeper{*this};
  auto made = make(expression::kind::inverse, take().at);
  made->parts.push_back(read_not());
  return made;
}

expression_ptr expression_parser::read_comparison() {
  auto left = read_sum();
  expression_ptr made;
  for (;;) {
    std::string word;
    for (std::string_view sign : {"==", "!=", "<", ">", "<=", ">="})
      if (is(sign)) word = sign;
    if (is_word("in")) word = "in";
    bool negated = word.empty() && is_word("not");
    if (word.empty() && !negated) break;
    auto where = take().at;
    if (negated) {
      if (!skip_word("in")) refuse_token();
      word = "not in";
    }
    if (!made) {
      made = make(expression::kind::comparison, where);
      made->parts.push_back(std::move(left));
    }
    made->words.push_back(word);
    made->parts.push_back(read_sum());
  }
  return made ? std::move(made) : std::move(left);
}

expression_ptr expression_parser::read_sum() {
  auto left = read_join();
  for (int chain = 0; is("+") || is("-"); ++chain) {
    if (chain > nesting_max) refuse("this chain is too long");
    auto sign = take();
    left = pair(expression::kind::binary, sign.at, sign.value, std::move(left), read_join());
  }
  return left;
}

expression_ptr expression_parser::read_join() {
  auto left = read_product();
  if (!is("~")) return left;
  auto made = make(expression::kind::join, now().at);
  made->parts.push_back(std::move(left));
  while (skip("~")) made->parts.push_back(read_product());
  return made;
}

expression_ptr expression_parser::read_product() {
  auto left = read_power();
  for (int chain = 0; is("*") || is("/") || is("//") || is("%"); ++chain) {
    if (chain > nesting_max) refuse("this chain is too long");
    auto sign = take();
    left = pair(expression::kind::binary, sign.at, sign.value, std::move(left), read_power());
  }
  return left;
}

expression_ptr expression_parser::read_power() {
  auto left = read_unary(true);
  for (int chain = 0; is("**"); ++chain) {
    if (chain > nesting_max) refuse("this chain is too long");
    auto at = take().at;
    left = pair(expression::kind::binary, at, "**", std::move(left), read_unary(true));
  }
  return left;
}

expression_ptr expression_parser::read_unary(bool with_filters) {
  nesting deeper{*this};
  expression_ptr made;
  if (is("-") || is("+")) {
    auto sign = take();
    made = make(sign.value == "-" ? expression::kind::negative : expression::kind::positive, sign.at);
    made->parts.push_back(read_unary(false));
  } else {
    made = read_primary();
  }
  made = read_postfix(std::move(made));
  return with_filters ? read_filters(std::move(made)) : std::move(made);
}

expression_ptr expression_parser::read_primary() {
  auto first = take();
  auto at = first.at;
  auto constant = [&](value of) {
    auto made = make(expression::kind::constant, at);
    made->constant = std::move(of);
    return made;
  };
  switch (first.type) {
    case token::kind::name: {
      if (first.value == "true" || first.value == "True") return constant(true);
      if (first.value == "false" || first.value == "False") return constant(false);
      if (first.value == "none" || first.value == "None") return constant(none{});
      auto made = make(expression::kind::name, at);
      made->name = symbol_of(first.value);
      if (made->name < known_symbols) ++uses_[made->name];
      return made;
    }
    case token::kind::string: {
      while (now().type == token::kind::string) first.value += take().value;
      return constant(value::of(text{std::move(first.value)}));
    }
    case token::kind::integer:
    case token::kind::real: {
      std::int64_t whole_number = 0;
      double real = 0;
      const auto *begin = first.value.data(), *end = begin + first.value.size();
      bool is_whole = first.type == token::kind::integer;
      auto error = is_whole ? std::from_chars(begin, end, whole_number).ec : std::from_chars(begin, end, real).ec;
      if (error != std::errc{}) throw template_error("this number is too large", at);
      return is_whole ? constant(whole_number) : constant(real);
    }
    case token::kind::sign: {
      if (first.value == "[") return read_list("]", expression::kind::list, at);
      if (first.value == "{") return read_dict(at);
      if (first.value != "(") break;
      if (skip(")")) return make(expression::kind::tuple, at);
      auto inside = read_tuple();
      expect(")");
      return inside;
    }
    default:
      break;
  }
  if (first.type == token::kind::end) refuse("the template ends too early");
  throw template_error(fmt::format("'{}' is not expected here", first.value), at);
}

expression_ptr expression_parser::read_list(std::string_view end, expression::kind type, place at) {
  auto made = make(type, at);
  while (!skip(end)) {
    if (!made->parts.empty()) {
      expect(",");
      if (skip(end)) break;
    }
    made->parts.push_back(read_expression());
  }
  return made;
}

expression_ptr expression_parser::read_dict(place at) {
  auto made = make(expression::kind::dict, at);
  while (!skip("}")) {
    if (!made->parts.empty()) {
      expect(",");
      if (skip("}")) break;
    }
    made->parts.push_back(read_expression());
    expect(":");
    made->parts.push_back(read_expression());
  }
  return made;
}

}  // namespace chromatin::model::jinja

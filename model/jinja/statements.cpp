// The part of the parser that reads tags.

#include <algorithm>

#include <fmt/format.h>

#include "model/jinja/parser.hpp"

namespace chromatin::model::jinja {
namespace {

using statement_kind = statement::kind;
using statement_ptr = std::unique_ptr<statement>;

class parser : expression_parser {
 public:
  explicit parser(std::string_view template_text) : expression_parser{template_text} {}

  syntax read() {
    result_.statements = read_body({});
    return std::move(result_);
  }

 private:
  statement_ptr made(statement_kind type, place at) { return std::make_unique<statement>(statement{type, at}); }

  void end_tag() {
    if (now().type != token::kind::block_end) refuse_token();
    take();
  }

  /// Statements up to a tag of one of the names, which is next then.
  body read_body(std::initializer_list<std::string_view> ends) {
    nesting deeper{*this};
    body all;
    auto opened = now().at;
    for (;;) {
      auto first = take();
      if (first.type == token::kind::end) {
        if (ends.size() == 0) return all;
        throw template_error(fmt::format("the template ends before {}", *(ends.end() - 1)), opened);
      }
      if (first.type == token::kind::text) {
        all.push_back(made(statement_kind::put_text, first.at));
        all.back()->plain = text{std::move(first.value)};
      } else if (first.type == token::kind::value_begin) {
        all.push_back(made(statement_kind::put_value, now().at));
        all.back()->values.push_back(read_tuple());
        if (now().type != token::kind::value_end) refuse_token();
        take();
      } else {
        if (std::any_of(ends.begin(), ends.end(), [&](auto end) { return is_word(end); })) return all;
        all.push_back(read_tag());
      }
    }
  }

  /// A body up to the tag that ends it, and that tag.
  body read_body_and_end(std::string_view end) {
    auto all = read_body({end});
    take();
    end_tag();
    return all;
  }

  statement_ptr read_tag() {
    auto at = now().at;
    auto word = expect_name();
    if (word == "for") return read_loop(at);
    if (word == "if") return read_choice(at);
    if (word == "set") return read_set(at);
    if (word == "macro") return read_macro(at);
    if (word == "call") return read_call(at);
    if (word == "with") return read_with(at);
    if (word == "filter") {
      auto one = made(statement_kind::filter, at);
      one->values.push_back(read_filters(read_filter(held(at))));
      end_tag();
      one->bodies.push_back(read_body_and_end("endfilter"));
      return one;
    }
    if (word == "generation") {  // Hugging Face marks with it what a model is trained to say
      auto one = made(statement_kind::with, at);
      end_tag();
      one->bodies.push_back(read_body_and_end("endgeneration"));
      return one;
    }
    if (word == "break" || word == "continue") {
      if (loops_ == 0) throw template_error(fmt::format("{} stands outside a loop", word), at);
      end_tag();
      return made(word == "break" ? statement_kind::leave : statement_kind::next, at);
    }
    throw template_error(fmt::format("there is no tag '{}'", word), at);
  }

  /// What the interpreter puts in front of a chain of filters.
  expression_ptr held(place at) {
    auto one = std::make_unique<expression>(expression{expression::kind::name, at});
    one->name = held_symbol;
    return one;
  }

  target read_one_target(bool attributes) {
    if (skip("(")) {
      auto inside = read_target(false);
      expect(")");
      return inside;
    }
    target one{.at = now().at};
    auto name = expect_name();
    if (name == "true" || name == "false" || name == "none" || name == "True" || name == "False" || name == "None")
      throw template_error(fmt::format("{} cannot be assigned to", name), one.at);
    one.name = symbol_of(name);
    if (attributes && skip(".")) {
      one.type = target::kind::attribute;
      one.attribute = expect_name();
    }
    return one;
  }

  target read_target(bool attributes) {
    nesting deeper{*this};
    target first = read_one_target(attributes);
    if (!is(",")) return first;
    target all{.type = target::kind::tuple, .at = first.at};
    all.parts.push_back(std::move(first));
    while (skip(",")) {
      if (now().type != token::kind::name && !is("(")) break;
      if (is_word("in")) break;
      all.parts.push_back(read_one_target(attributes));
    }
    return all;
  }

  statement_ptr read_loop(place at) {
    auto one = made(statement_kind::loop, at);
    one->targets.push_back(read_target(false));
    if (!skip_word("in")) refuse_token();
    one->values.push_back(read_tuple(false));
    one->values.push_back(skip_word("if") ? read_expression() : nullptr);
    one->recursive = skip_word("recursive");
    end_tag();
    ++loops_;
    one->bodies.push_back(read_body({"else", "endfor"}));
    --loops_;
    if (skip_word("else")) {
      end_tag();
      one->bodies.push_back(read_body({"endfor"}));
    }
    take();
    end_tag();
    return one;
  }

  statement_ptr read_choice(place at) {
    auto one = made(statement_kind::choose, at);
    for (;;) {
      one->values.push_back(read_tuple());
      end_tag();
      one->bodies.push_back(read_body({"elif", "else", "endif"}));
      if (skip_word("elif")) continue;
      if (skip_word("else")) {
        end_tag();
        one->bodies.push_back(read_body({"endif"}));
      }
      take();
      end_tag();
      return one;
    }
  }

  statement_ptr read_set(place at) {
    auto one = made(statement_kind::set, at);
    one->targets.push_back(read_target(true));
    if (skip("=")) {
      one->values.push_back(read_tuple());
      end_tag();
      return one;
    }
    one->type = statement_kind::set_body;
    one->values.push_back(is("|") ? read_filters(held(at)) : nullptr);
    end_tag();
    one->bodies.push_back(read_body_and_end("endset"));
    return one;
  }

  std::vector<parameter> read_parameters() {
    std::vector<parameter> all;
    expect("(");
    while (!skip(")")) {
      if (!all.empty()) expect(",");
      if (!all.empty() && skip(")")) break;
      auto name = expect_name();
      all.push_back({symbol_of(name), name, skip("=") ? read_expression() : nullptr});
    }
    return all;
  }

  statement_ptr read_macro(place at) {
    auto one = made(statement_kind::macro, at);
    one->word = expect_name();
    one->name = symbol_of(one->word);
    read_called(*one, "endmacro", true);
    return one;
  }

  statement_ptr read_call(place at) {
    auto one = made(statement_kind::call, at);
    one->word = "caller";
    read_called(*one, "endcall", is("("));
    return one;
  }

  /// What a macro and the body of a call have in common.
  void read_called(statement& one, std::string_view end, bool parameters) {
    int before[known_symbols];
    std::copy(std::begin(uses_), std::end(uses_), before);
    if (parameters) one.parameters = read_parameters();
    if (one.type == statement_kind::call) {
      one.values.push_back(read_expression());
      if (one.values[0]->type != expression::kind::call)
        throw template_error("a call of a macro is expected here", one.values[0]->at);
    }
    end_tag();
    one.bodies.push_back(read_own_body(end));
    auto used = [&](symbol name) { return uses_[name] > before[name]; };
    one.takes_more = used(varargs_symbol);
    one.takes_named = used(kwargs_symbol);
    one.takes_caller = used(caller_symbol);
  }

  /// A body that no loop around it can be left from.
  body read_own_body(std::string_view end) {
    auto around = loops_;
    loops_ = 0;
    auto all = read_body_and_end(end);
    loops_ = around;
    return all;
  }

  statement_ptr read_with(place at) {
    auto one = made(statement_kind::with, at);
    while (now().type != token::kind::block_end) {
      if (!one->targets.empty()) expect(",");
      one->targets.push_back(read_one_target(false));
      expect("=");
      one->values.push_back(read_expression());
    }
    end_tag();
    one->bodies.push_back(read_body_and_end("endwith"));
    return one;
  }

  int loops_ = 0;  ///< around what is read
};

}  // namespace

syntax parse(std::string_view template_text) { return parser{template_text}.read(); }

}  // namespace chromatin::model::jinja

#pragma once

#include <string_view>
#include <unordered_map>

#include "model/jinja/lexer.hpp"
#include "model/jinja/syntax.hpp"

namespace chromatin::model::jinja {

/// The tree of a template. Throws template_error.
syntax parse(std::string_view template_text);

/// The part of the parser that reads expressions; statements.cpp has the other.
class expression_parser {
 protected:
  explicit expression_parser(std::string_view template_text);

  expression_ptr read_expression();
  /// Several with commas become a tuple. `conditions`: `a if b` may be among them.
  expression_ptr read_tuple(bool conditions = true);
  expression_ptr read_or();
  /// Filters on what is before them; `of` may be null for one that takes its operand later.
  expression_ptr read_filters(expression_ptr of);
  expression_ptr read_filter(expression_ptr of);
  std::vector<argument> read_arguments();

  const token& now() const { return tokens_[next_]; }
  token take() { return tokens_[next_ + 1 < tokens_.size() ? next_++ : next_]; }
  bool is(std::string_view sign) const { return now().type == token::kind::sign && now().value == sign; }
  bool is_word(std::string_view word) const { return now().type == token::kind::name && now().value == word; }
  bool skip(std::string_view sign);
  bool skip_word(std::string_view word);
  void expect(std::string_view sign);
  std::string expect_name();
  jinja::symbol symbol_of(const std::string& name);
  [[noreturn]] void refuse(const std::string& why) const;
  [[noreturn]] void refuse_token() const;

  /// Refuses what is nested too deeply, while it lives.
  class nesting {
   public:
    explicit nesting(expression_parser& of);
    ~nesting() { --of_.depth_; }

   private:
    expression_parser& of_;
  };

  syntax result_;
  int uses_[known_symbols] = {};  ///< of these names, so far

 private:
  expression_ptr make(expression::kind type, place at) const;
  expression_ptr read_and();
  expression_ptr read_not();
  expression_ptr read_comparison();
  expression_ptr read_sum();
  expression_ptr read_join();
  expression_ptr read_product();
  expression_ptr read_power();
  expression_ptr read_unary(bool with_filters);
  expression_ptr read_primary();
  expression_ptr read_list(std::string_view end, expression::kind type, place at);
  expression_ptr read_dict(place at);
  expression_ptr read_postfix(expression_ptr of);
  expression_ptr read_subscript(expression_ptr of, place at);
  expression_ptr read_test(expression_ptr of, place at);
  /// One with two operands. Chains of them count as nesting: they are walked through like it.
  expression_ptr pair(expression::kind type, place at, std::string word, expression_ptr left, expression_ptr right);

  std::vector<token> tokens_;
  std::size_t next_ = 0;
  int depth_ = 0;
  std::unordered_map<std::string, jinja::symbol> symbols_;
  friend class nesting;
};

}  // namespace chromatin::model::jinja

#pragma once

/// A template as a tree. Immutable once it is parsed.

#include <memory>
#include <string>
#include <vector>

#include "model/jinja/context.hpp"

namespace chromatin::model::jinja {

/// A variable's name, as a number within its template.
using symbol = std::uint32_t;

using filter_function = value (*)(context&, const value& of, const arguments&);
using test_function = bool (*)(context&, const value& of, const arguments&);

struct expression;
using expression_ptr = std::unique_ptr<expression>;

struct argument {
  enum class kind { positional, named, all_of_list, all_of_dict };
  kind type = kind::positional;
  std::string name;
  expression_ptr of;
};

struct expression {
  enum class kind {
    constant,
    name,
    tuple,  ///< of `parts`; so is a list
    list,
    dict,      ///< keys and values in turn
    negative,  ///< -a; so is +a
    positive,
    inverse,      ///< not a
    both,         ///< a and b
    either,       ///< a or b
    binary,       ///< a `word` b
    join,         ///< a ~ b ~ …
    comparison,   ///< a `words[0]` b `words[1]` c …
    conditional,  ///< parts[0] if parts[1] else parts[2], which may be null
    attribute,    ///< a.word
    item,         ///< a[b]
    slice,        ///< a[b:c:d], each of which may be null
    call,         ///< a(arguments)
    filter,       ///< a | word(arguments)
    test          ///< a is word(arguments)
  };
  kind type;
  place at;
  std::string word = {};
  std::vector<std::string> words = {};
  symbol name = 0;
  value constant = {};
  std::vector<expression_ptr> parts = {};
  std::vector<argument> arguments = {};
  filter_function filter = nullptr;  ///< null: there is none of this name
  test_function test = nullptr;
};

/// What is assigned to: a name, an attribute of a namespace, or several of them.
struct target {
  enum class kind { name, attribute, tuple };
  kind type = kind::name;
  place at;
  jinja::symbol name = 0;
  std::string attribute;
  std::vector<target> parts;
};

struct parameter {
  jinja::symbol name;
  std::string word;
  expression_ptr fallback;  ///< or null
};

struct statement;
using body = std::vector<std::unique_ptr<statement>>;

struct statement {
  enum class kind {
    put_text,
    put_value,
    choose,    ///< values[i] decides on bodies[i]; a last body without a value is the else
    loop,      ///< values: what is walked through, a condition or null
    set,       ///< target = values[0]
    set_body,  ///< target = the text of bodies[0], through values[0], a chain of filters, or null
    macro,
    call,    ///< values[0] is the call, bodies[0] its caller
    filter,  ///< values[0] is a chain of filters on the text of bodies[0]
    with,    ///< targets = values around bodies[0]; so is a block that only has a scope
    leave,   ///< break
    next     ///< continue
  };
  kind type;
  place at;
  text plain = {};
  std::vector<expression_ptr> values = {};
  std::vector<body> bodies = {};
  std::vector<target> targets = {};
  std::vector<parameter> parameters = {};
  std::string word = {};  ///< a macro's name
  symbol name = 0;
  bool recursive = false;
  bool takes_more = false, takes_named = false, takes_caller = false;  ///< a macro that names varargs, kwargs, caller
};

struct syntax {
  body statements;
  std::vector<std::string> names;  ///< of symbols
};

/// Symbols that every template has.
enum known_symbol : symbol { loop_symbol, caller_symbol, varargs_symbol, kwargs_symbol, held_symbol, known_symbols };

}  // namespace chromatin::model::jinja

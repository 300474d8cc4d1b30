#pragma once

/// Random chat templates that Python's Jinja and @huggingface/jinja agree on: every one runs, and puts out strings and
/// integers only.

#include <random>
#include <string>
#include <vector>

namespace chromatin::test {

class random_template {
 public:
  explicit random_template(std::uint64_t seed) : random_{seed} {}

  std::string operator()() {
    names_ = {"bos_token"};
    std::string all = "{% set ns = namespace(n=0, s='') %}{% macro quote(x, y='~') %}{{ y ~ x ~ y }}{% endmacro %}";
    return all + body(3, false);
  }

 private:
  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>{0, n - 1}(random_); }
  template <class... Choice>
  std::string one_of(Choice... choices) {
    const std::string all[]{choices...};
    return all[below(sizeof...(choices))];
  }
  std::string number() { return std::to_string(below(7)); }
  std::string literal() {
    return one_of("'a'", "'<|x|>'", "' b\\n'", "\"it's\"", "'é日'", "''", "'a,b,,c'", "'Xy z'", "'\\t-'");
  }

  std::string text(int depth, bool in_loop) {
    if (depth == 0) {
      if (in_loop && below(2)) return one_of("m.content", "m['role']", "m.role");
      return below(3) ? literal() : names_[below(names_.size())];
    }
    auto inner = [&] { return text(depth - 1, in_loop); };
    switch (below(15)) {
      case 0:
        return "(" + inner() + " + " + inner() + ")";
      case 1:
        return "(" + inner() + " ~ " + integer(depth - 1, in_loop) + ")";
      case 2:
        return "(" + inner() + one_of(" | upper", " | lower", " | trim", " | indent", " | indent(2)") + ")";
      case 3:
        return "(" + inner() + one_of(".strip()", ".lstrip()", ".rstrip()", ".upper()", ".lower()") + ")";
      case 4:
        return "(" + inner() + "[" + slice() + "])";
      case 5:
        return "(" + inner() + " if " + condition(depth - 1, in_loop) + " else " + inner() + ")";
      case 6:
        return "(" + inner() + " | replace(" + one_of("'a'", "'|'", "' '") + ", " + literal() + "))";
      case 7:
        return "(" + list(depth - 1, in_loop) + " | join(" + literal() + "))";
      case 8:
        return "(" + inner() + " | tojson)";
      case 9:
        return "(" + inner() + ".replace(" + one_of("'a'", "'b'") + ", " + literal() + "))";
      case 10:
        return "(nothing | default(" + inner() + "))";
      case 11:
        return "({'k': " + inner() + ", 'l': 1}['k'])";
      case 12:
        return "(quote(" + inner() + one_of(")", ", y='*')", ", '-')") + ")";
      case 13:
        return "(" + list(depth - 1, in_loop) + one_of(" | first", " | last", "[0]", "[-1]") + ")";
      default:
        return "(messages[" + one_of("0", "-1", "1") + "]." + one_of("role", "content") + ")";
    }
  }

  std::string list(int depth, bool in_loop) {
    switch (below(depth > 0 ? 6 : 2)) {
      case 0:
        return "[" + text(0, in_loop) + ", " + text(0, in_loop) + ", " + text(0, in_loop) + "]";
      case 1:
        return "(messages | map(attribute='" + one_of("role", "content") + "') | list)";
      case 2:
        return "(" + list(depth - 1, in_loop) + one_of(" | reverse | list", " | sort", " | unique | list") + ")";
      case 3:
        return "(" + list(depth - 1, in_loop) + " + [" + text(depth - 1, in_loop) + "])";
      case 4:
        return "(messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list + ['z'])";
      default:
        return "((" + text(depth - 1, in_loop) + ").split(" + one_of("','", "'a'", "' '", "'|'") + "))";
    }
  }

  std::string integer(int depth, bool in_loop) {
    if (depth == 0) return in_loop && below(2) ? one_of("loop.index", "loop.index0", "loop.revindex") : number();
    switch (below(5)) {
      case 0:
        return "(" + integer(depth - 1, in_loop) + one_of(" + ", " - ", " * ") + integer(depth - 1, in_loop) + ")";
      case 1:
        return "(" + list(depth - 1, in_loop) + " | length)";
      case 2:
        return "(" + number() + one_of(" // ", " % ") + std::to_string(1 + below(5)) + ")";
      case 3:
        return "ns.n";
      default:
        return number();
    }
  }

  std::string condition(int depth, bool in_loop) {
    if (depth == 0) return in_loop && below(2) ? one_of("loop.first", "loop.last", "m.role == 'user'") : "tools";
    auto inner = [&] { return condition(depth - 1, in_loop); };
    auto string = [&] { return text(depth - 1, in_loop); };
    switch (below(9)) {
      case 0:
        return "(" + string() + one_of(" == ", " != ") + string() + ")";
      case 1:
        return "(" + string() + one_of(" in ", " not in ") + string() + ")";
      case 2:
        return "(" + string() + " in " + list(depth - 1, in_loop) + ")";
      case 3:
        return "(" + integer(depth - 1, in_loop) + one_of(" < ", " >= ", " == ") + integer(depth - 1, in_loop) + ")";
      case 4:
        return "(not " + inner() + ")";
      case 5:
        return "(" + inner() + one_of(" and ", " or ") + inner() + ")";
      case 6:
        return "(nothing is " + one_of("", "not ") + "defined)";
      case 7:
        return "(" + string() + ".startswith(" + literal() + "))";
      default:
        return "(" + string() + " is string)";
    }
  }

  std::string slice() { return one_of(":", "1:", ":2", ":-1", "-2:", "1:3", "::-1", "::2"); }
  std::string gap() { return one_of("", "", " ", "\n", "  \n ", "text\n", "\n\n    ", "x"); }
  std::string open() { return one_of("{% ", "{%- ", "{%", "{%- "); }
  std::string close() { return one_of(" %}", " -%}", "%}", " -%}"); }
  std::string tag(const std::string& inside) { return open() + inside + close(); }

  std::string body(int depth, bool in_loop) {
    std::string all;
    for (auto count = 1 + below(3); count > 0; --count) all += gap() + statement(depth, in_loop) + gap();
    return all;
  }

  std::string statement(int depth, bool in_loop) {
    switch (below(depth > 0 ? 8 : 3)) {
      case 0:
        return one_of("{{ ", "{{- ") + text(3, in_loop) + one_of(" }}", " -}}");
      case 1:
        return one_of("{{ ", "{{- ") + integer(2, in_loop) + one_of(" }}", " -}}");
      case 2:
        return one_of("{# c #}", "{#- c -#}", "{# c -#}");
      case 3: {
        if (in_loop) return tag("set ns.n = ns.n + " + integer(1, true));
        auto inside = body(depth - 1, true);
        auto filter = one_of("", "", " if m.role != 'system'");
        return tag("for m in messages" + one_of("", "[1:]", "[::-1]") + filter) + inside + tag("endfor");
      }
      case 4: {
        auto name = std::string{"v"} + std::to_string(names_.size());
        auto made = tag("set " + name + " = " + text(2, in_loop));
        if (depth == 3 && !in_loop) names_.push_back(name);
        return made;
      }
      case 5:
        return tag("set ns.s = " + text(1, in_loop)) + "{{ ns.s }}";
      default: {
        auto made = tag("if " + condition(2, in_loop)) + body(depth - 1, in_loop);
        if (below(2)) made += tag("elif " + condition(1, in_loop)) + body(depth - 1, in_loop);
        if (below(2)) made += tag("else") + body(depth - 1, in_loop);
        return made + tag("endif");
      }
    }
  }

  std::mt19937_64 random_;
  std::vector<std::string> names_;  ///< variables that hold strings
};

}  // namespace chromatin::test

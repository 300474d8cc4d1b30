// The interpreter against what Python's Jinja made of the same templates (tests/data/templates/render.py); its bounds;
// where its errors point.

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/jinja/literals.hpp"
#include "model/jinja/program.hpp"

namespace chromatin::model::jinja {
namespace {

using testing::HasSubstr;

variables from(const nlohmann::ordered_json& object) {
  variables all;
  for (const auto& [name, v] : object.items()) all.emplace_back(name, from_json(v.dump(), 1));
  return all;
}

std::string run(std::string_view what, const nlohmann::ordered_json& with = nlohmann::ordered_json::object(),
                const limits& most = {}) {
  return program::parse(what).run(from(with), most).bytes();
}

std::string reason(std::string_view what, const limits& most = {}) {
  try {
    run(what, nlohmann::ordered_json::object(), most);
  } catch (const template_error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Jinja, ExpressionsAndTagsAreWhatPythonsJinjaMakesOfThem) {
  auto file = nlohmann::ordered_json::parse(
      std::ifstream{std::string{CHROMATIN_SOURCE_DIR} + "/tests/data/templates/evaluated.json"});
  ASSERT_GT(file["expressions"].size(), 80u);
  for (const auto& one : file["expressions"]) {
    auto what = one["template"].get<std::string>();
    if (one["text"].is_null())
      EXPECT_THROW(run(what, file["variables"]), template_error) << what;
    else
      EXPECT_EQ(run(what, file["variables"]), one["text"].get<std::string>()) << what;
  }
}

TEST(Jinja, ErrorsPointAtWhatIsWrong) {
  EXPECT_EQ(reason("a\n  {{ 'é' + 1 }}"), "line 2, column 10: '+' does not go with 'str' object and 'int' object");
  EXPECT_EQ(reason("{% for x in 5 %}{% endfor %}"), "line 1, column 4: 'int' object is not iterable");
  EXPECT_EQ(reason("\n\n{{ a.b.c }}"), "line 3, column 6: 'a' is undefined");
  EXPECT_EQ(reason("{{ {'a': 1}.b.c }}"), "line 1, column 15: 'dict' object has no attribute 'b'");
  EXPECT_EQ(reason("{% if true %}\n"), "line 1, column 14: the template ends before endif");
  EXPECT_EQ(reason("{{ 'a"), "line 1, column 4: this string does not end");
  EXPECT_EQ(reason("{% macro m() %}\n{{ x() }}{% endmacro %}{{ m() }}"), "line 2, column 5: 'x' is undefined");
}

TEST(Jinja, CallsOfMacrosThatDoNotFitAreErrors) {
  std::string one = "{% macro f(a) %}{{ a }}{% endmacro %}";
  EXPECT_EQ(reason(one + "{{ f(1, 2) }}"), "line 1, column 42: macro f takes not more than 1 arguments");
  EXPECT_EQ(reason(one + "{{ f(b=2) }}"), "line 1, column 42: macro f takes no argument 'b'");
  EXPECT_THAT(reason(one + "{% call f(1) %}x{% endcall %}"), HasSubstr("macro f does nothing with a call's body"));
}

TEST(Jinja, TheTimeIsTheOneThatIsPassedIn) {
  auto now = program::parse("{{ strftime_now('%Y-%m-%d %H:%M:%S %a %A %b %B %j %p %I %y %e %-d') }}");
  EXPECT_EQ(now.run({}, {}, 1'709'210'096).bytes(), "2024-02-29 12:34:56 Thu Thursday Feb February 060 PM 12 24 29 29");
  EXPECT_EQ(now.run({}, {}, 0).bytes(), "1970-01-01 00:00:00 Thu Thursday Jan January 001 AM 12 70  1 1");
  EXPECT_EQ(now.run({}, {}, -1).bytes(), "1969-12-31 23:59:59 Wed Wednesday Dec December 365 PM 11 69 31 31");
  EXPECT_EQ(run("{{ strftime_now is defined }}"), "False");
}

// -- bounds --

TEST(Jinja, ATemplateThatWouldRunForEverIsEnded) {
  for (const char* endless :
       {"{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for i in range(10000) %}{{ range(10000) | join | length }}{% endfor %}",
        "{% for i in range(100000) %}{% if range(50000) | list == range(50000) | list %}{% endif %}{% endfor %}",
        "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% if 'b' in s %}{% endif %}{% endfor %}",
        "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s[0] }}{% endfor %}",
        "{% set n = namespace(l=[]) %}{% for i in range(100000) %}{% set n.l = n.l + [i] %}{% endfor %}"})
    EXPECT_THAT(reason(endless, {.steps = 1'000'000}), HasSubstr("too many steps")) << endless;
}

TEST(Jinja, ATemplateThatWouldFillMemoryIsEnded) {
  const limits small{.bytes = 1u << 20};
  for (const char* large :
       {"{% set n = namespace(s='abcdefgh') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
        "{{ 'a' * 100000000000 }}", "{{ 'a' * 100000000 }}", "{{ range(1000000000) | length }}",
        "{{ [1] * 100000000 }}",
        "{% set n = namespace(l=['a' * 1000]) %}{% for i in range(30) %}{% set n.l = n.l + n.l %}{% endfor %}{{ n.l | "
        "join }}",
        "{% set n = namespace(l='lol') %}{% for i in range(40) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l | tojson "
        "}}",
        "{% set n = namespace(l='lol') %}{% for i in range(40) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}",
        "{% for i in range(100000) %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' }}{% endfor %}",
        "{{ 'a'.center(100000000) }}", "{{ 'a' | indent(9) | replace('', 'b' * 100000) | replace('', 'c' * 100000) }}"})
    EXPECT_THAT(reason(large, small), testing::AnyOf(HasSubstr("too much memory"), HasSubstr("too large"))) << large;
}

TEST(Jinja, WhatIsNestedTooDeeplyIsRefusedAndNotWalkedThrough) {
  auto times = [](std::size_t count, const std::string& part) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += part;
    return all;
  };
  for (const auto& deep :
       {"{{ " + times(100'000, "(") + "1" + times(100'000, ")") + " }}",
        "{{ " + times(100'000, "[") + "1" + times(100'000, "]") + " }}", "{{ " + times(100'000, "-") + "1 }}",
        "{{ " + times(100'000, "not ") + "1 }}", "{{ 1" + times(100'000, " + 1") + " }}",
        "{{ a" + times(100'000, ".a") + " }}", "{{ a" + times(100'000, " | list") + " }}",
        times(100'000, "{% if true %}"), "{{ 1" + times(100'000, " if 1") + " }}", times(100'000, "{% for x in y %}"),
        "{% set " + times(100'000, "(") + "a" + times(100'000, ")") + " = 1 %}"})
    EXPECT_THAT(reason(deep), testing::AnyOf(HasSubstr("nested too deeply"), HasSubstr("too long")))
        << deep.substr(0, 40);
  EXPECT_THAT(reason("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), HasSubstr("calls itself too deeply"));
  EXPECT_THAT(reason("{% macro m() %}" + times(200, "{% if 1 %}") + "{{ m() }}" + times(200, "{% endif %}") +
                     "{% endmacro %}{{ m() }}"),
              HasSubstr("calls itself too deeply"))
      << "blocks take room on the stack, too";
  EXPECT_THAT(reason("{% set n = namespace(l=[]) %}{% for i in range(10000) %}{% set n.l = [n.l] %}{% endfor %}"),
              HasSubstr("nested too deeply"));
  EXPECT_THROW(from_json(times(100'000, "["), 1), fault);
}

TEST(Jinja, NamespacesAndMacrosMayHoldEachOther) {
  EXPECT_EQ(run("{% set n = namespace() %}{% set n.n = n %}{% macro m() %}{{ n.x }}{% endmacro %}{% set n.m = m %}"
                "{% set n.x = 5 %}{{ n.m() }}{{ n.n.n.x }}"),
            "55");
  EXPECT_EQ(
      run("{% set n = namespace(n=none) %}{% for i in range(20000) %}{% set n.n = namespace(n=n.n) %}{% endfor %}x"),
      "x");
}

// -- where text comes from --

TEST(Jinja, TextKeepsItsSourcesThroughWhatIsDoneToIt) {
  auto sources = [](const char* what) {
    auto made = program::parse(what).run({{"u", value::of(text{"User", 7})}});
    std::string all;
    std::size_t at = 0;
    for (const auto& r : made.runs()) {
      all += std::to_string(r.from) + made.bytes().substr(at, r.size) + " ";
      at += r.size;
    }
    return all;
  };
  EXPECT_EQ(sources("<{{ u }}>"), "0< 7User 0> ");
  EXPECT_EQ(sources("{{ ('<' + u + '>')[1:-1] }}"), "7User ");
  EXPECT_EQ(sources("{{ ('<' ~ u ~ '>') | upper }}"), "0< 7USER 0> ");
  EXPECT_EQ(sources("{{ [u, 'x'] | join('-') }}"), "7User 0-x ");
  EXPECT_EQ(sources("{{ u | replace('s', 'S') }}"), "7U 0S 7er ");
  EXPECT_EQ(sources("{{ {'a': u} | tojson }}"), "0{\"a\": \" 7User 0\"} ");
  EXPECT_EQ(sources("{{ '%s:%5s' % (u, 'x') }}"), "7User 0:    x ");
  EXPECT_EQ(sources("{% set x %}a{{ u }}{% endset %}{{ x.split('s')[0] }}"), "0a 7U ");
  EXPECT_EQ(sources("{{ '<{}>'.format(u) }}"), "0< 7User 0> ");
  EXPECT_EQ(sources("{{ ('<' ~ u) | truncate(4, true, '>', 0) }}"), "0< 7Us 0> ");
  EXPECT_EQ(sources("{{ u | first }}"), "7U ");
  EXPECT_EQ(sources("{{ [u] }}"), "0[' 7User 0'] ");
}

}  // namespace
}  // namespace chromatin::model::jinja

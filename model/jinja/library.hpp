#pragma once

/// What templates find there: filters, tests, methods of values, functions. All throw faults.

#include <string>
#include <string_view>

#include "model/jinja/syntax.hpp"

namespace chromatin::model::jinja {

/// Null if there is none of this name.
filter_function find_filter(std::string_view name);
test_function find_test(std::string_view name);

/// Calls a method of a text; false if it has none of this name.
bool call_text_method(context& in, const text& of, std::string_view name, const arguments& given, value& result);
bool has_text_method(std::string_view name);
/// The same for any value: texts, mappings and lists have methods.
bool call_method(context& in, const value& of, std::string_view name, const arguments& given, value& result);
bool has_method(const value& of, std::string_view name);

/// A function that every template may call: range, dict, namespace, …; undefined if there is none. `strftime_now` is
/// there if the run knows the time.
value find_global(const context& in, std::string_view name);

/// What a dotted path leads to, as filters with `attribute` have it.
value attribute_at(context& in, const value& of, const value& path);
/// `of.name`.
value attribute_of(context& in, const value& of, std::string_view name);
/// `of[key]`.
value item_of(context& in, const value& of, const value& key);
value slice_of(context& in, const value& of, const value& from, const value& to, const value& step);

value binary(context& in, std::string_view sign, const value& left, const value& right);
bool equal(context& in, const value& left, const value& right);
/// Below 0, 0 or above; throws a fault for values without an order.
int compare(context& in, const value& left, const value& right);
bool contains(context& in, const value& of, const value& what);
/// Throws a fault for what is undefined.
void must_be_there(const value& of);
/// The items that a loop walks through: characters of a text, keys of a mapping, nothing of what is undefined.
std::vector<value> items_of(context& in, const value& of);
std::int64_t length_of(const value& of);

/// `%` on a text: Python's old formatting.
text formatted(context& in, const text& pattern, const std::vector<value>& values);
/// str.format: a value for each pair of braces, by place or name.
text filled_in(context& in, const text& pattern, const arguments& given);
/// `format`: time in `pattern`, as strftime in the C locale and UTC.
std::string time_text(std::int64_t seconds, std::string_view pattern);

}  // namespace chromatin::model::jinja

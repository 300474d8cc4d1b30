// Filters on texts.

#include <algorithm>

#include <fmt/format.h>

#include "model/jinja/characters.hpp"
#include "model/jinja/filters.hpp"
#include "model/jinja/strings.hpp"

namespace chromatin::model::jinja {
namespace {

/// A method of str, as a filter on what is put out for the value.
template <class Name>
filter_function method(Name) {
  return [](context& in, const value& of, const arguments& given) {
    value result;
    call_text_method(in, as_text(in, of), Name{}(), given, result);
    return result;
  };
}

value indent(context& in, const value& of, const arguments& given) {
  given.at_most(3, "indent", {"width", "first", "blank"});
  if (!of.as_text())
    throw fault(of.is_undefined() ? of.what() : fmt::format("indent takes a string, not {}", of.type_name()));
  const auto& lines_of = *of.as_text();
  auto* width = given.find(0, "width");
  text by;
  if (width && width->as_text())
    by = *width->as_text();
  else
    by.append(
        std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(given.integer(0, "width", 4), 0, 1000)), ' '));
  const auto& bytes = lines_of.bytes();
  auto lines = static_cast<std::uint64_t>(std::count(bytes.begin(), bytes.end(), '\n')) + 1;
  in.pass(bytes.size() + lines * by.size());
  return in.make(indented(lines_of, by, given.flag(1, "first", false), given.flag(2, "blank", false)));
}

value escape(context& in, const value& of, const arguments&) {
  return in.make(as_text(in, of).mapped([](std::string_view part) {
    std::string out;
    for (char c : part) {
      if (c == '&')
        out += "&amp;";
      else if (c == '<')
        out += "&lt;";
      else if (c == '>')
        out += "&gt;";
      else if (c == '\'')
        out += "&#39;";
      else if (c == '"')
        out += "&#34;";
      else
        out += c;
    }
    return out;
  }));
}

value word_count(context& in, const value& of, const arguments&) {
  std::int64_t count = 0;
  bool inside = false;
  each_character(as_text(in, of).bytes(), [&](std::string_view c) {
    bool word = is_letter(c) || is_numeric(c) || c == "_";
    count += word && !inside;
    inside = word;
  });
  return count;
}

value pattern(context& in, const value& of, const arguments& given) {
  if (!given.named.empty() && !given.positional.empty()) throw fault("format takes values by place or by name");
  if (!given.named.empty()) {
    dict named;
    for (const auto& [name, v] : given.named) named.set(text{name}, v);
    return in.make(formatted(in, as_text(in, of), {in.make(std::move(named.entries))}));
  }
  return in.make(formatted(in, as_text(in, of), given.positional));
}

/// As Jinja's: a text that is not much too long stays whole.
value truncate(context& in, const value& of, const arguments& given) {
  given.at_most(4, "truncate", {"length", "killwords", "end", "leeway"});
  auto all = as_text(in, of);
  auto end = given.find(2, "end") ? given.word(2, "truncate", "end") : text{"..."};
  auto end_length = static_cast<std::int64_t>(character_count(end.bytes()));
  auto length = given.integer(0, "length", 255), leeway = given.integer(3, "leeway", 5);
  if (length < end_length) throw fault(fmt::format("truncate() needs a length of {} at least", end_length));
  if (leeway < 0) throw fault("truncate() needs a leeway of 0 at least");
  in.pass(all.size() * sizeof(std::size_t));
  auto starts = character_starts(all.bytes());
  auto count = static_cast<std::int64_t>(starts.size()) - 1;
  if (count <= length || count - leeway <= length) return in.make(std::move(all));
  auto result = all.part(0, starts[static_cast<std::size_t>(length - end_length)]);
  if (!given.flag(1, "killwords", false))
    if (auto space = result.bytes().rfind(' '); space != std::string::npos) result = result.part(0, space);
  result.append(end);
  return in.make(std::move(result));
}

value trim(context& in, const value& of, const arguments& given) {
  given.at_most(1, "trim", {"chars"});
  auto* set = given.find(0, "chars");
  return in.make(stripped(as_text(in, of), set && !set->is_none() ? &given.word(0, "trim", "chars").bytes() : nullptr,
                          true, true));
}

}  // namespace

const filters& text_filters() {
  static const filters all{
      {"upper", method([] { return "upper"; })},
      {"lower", method([] { return "lower"; })},
      {"capitalize", method([] { return "capitalize"; })},
      {"replace", method([] { return "replace"; })},
      {"center",
       [](context& in, const value& of, const arguments& given) {
         value result;
         arguments width{{given.integer(0, "width", 80)}, {}};
         call_text_method(in, as_text(in, of), "center", width, result);
         return result;
       }},
      {"title", [](context& in, const value& of, const arguments&) { return in.make(titled_words(as_text(in, of))); }},
      {"trim", trim},
      {"indent", indent},
      {"escape", escape},
      {"e", escape},
      {"forceescape", escape},
      {"truncate", truncate},
      {"wordcount", word_count},
      {"format", pattern},
  };
  return all;
}

}  // namespace chromatin::model::jinja

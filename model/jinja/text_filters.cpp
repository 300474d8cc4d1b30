// Filters on texts.

#include <algorithm>

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
  auto lines_of = as_text(in, of);
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
  return static_cast<std::int64_t>(split(as_text(in, of), nullptr, {}).size());
}

value pattern(context& in, const value& of, const arguments& given) {
  return in.make(formatted(in, as_text(in, of), given.positional));
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
      {"wordcount", word_count},
      {"format", pattern},
  };
  return all;
}

}  // namespace chromatin::model::jinja

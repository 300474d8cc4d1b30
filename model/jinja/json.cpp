// Values as JSON and from it.

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/jinja/characters.hpp"
#include "model/jinja/literals.hpp"

namespace chromatin::model::jinja {
namespace {

std::string escaped(std::string_view part, bool ascii) {
  std::string out;
  each_character(part, [&](std::string_view character) {
    char c = character.front();
    if (c == '"' || c == '\\')
      out += '\\', out += c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\b')
      out += "\\b";
    else if (c == '\f')
      out += "\\f";
    else if (static_cast<unsigned char>(c) < ' ')
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else if (ascii && (character.size() > 1 || c == 0x7f)) {
      auto point = code_point(character);
      if (point >= 0x10000)
        out += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + ((point - 0x10000) >> 10), 0xdc00 + (point & 0x3ff));
      else if (c == 0x7f)
        out += c;
      else
        out += fmt::format("\\u{:04x}", point);
    } else {
      out += character;
    }
  });
  return out;
}

/// Bytes after which what is written is counted again.
constexpr std::size_t count_every = 1u << 16;

struct writer {
  context& in;
  const json_style& style;
  text out = {};
  std::size_t passed = 0;  ///< of `out`, when it was last counted

  void put_string(const text& of) {
    out.append("\"");
    out.append(of.mapped([&](std::string_view part) { return escaped(part, style.ascii); }));
    out.append("\"");
  }

  void new_line(std::size_t level) {
    if (!style.indent) return;
    out.append("\n");
    for (std::size_t i = 0; i < level; ++i) out.append(*style.indent);
  }

  void put_list(const list& of, std::size_t level) {
    if (of.items.empty()) return out.append("[]");
    out.append("[");
    for (std::size_t i = 0; i < of.items.size(); ++i) {
      if (i > 0) out.append(style.item_separator);
      new_line(level + 1);
      put(of.items[i], level + 1);
    }
    new_line(level);
    out.append("]");
  }

  void put_dict(const dict& of, std::size_t level) {
    if (of.entries.empty()) return out.append("{}");
    std::vector<const std::pair<text, value>*> entries;
    for (const auto& e : of.entries) entries.push_back(&e);
    if (style.sorted)
      std::stable_sort(entries.begin(), entries.end(),
                       [](auto* a, auto* b) { return a->first.bytes() < b->first.bytes(); });
    out.append("{");
    for (auto* e : entries) {
      if (e != entries.front()) out.append(style.item_separator);
      new_line(level + 1);
      put_string(e->first);
      out.append(style.key_separator);
      put(e->second, level + 1);
    }
    new_line(level);
    out.append("}");
  }

  void put(const value& of, std::size_t level) {
    in.work(1);
    if (out.size() > passed + count_every) {  // what shares its parts can be written far larger than it is
      in.pass(out.size());
      passed = out.size();
    }
    if (auto* t = of.as_text()) return put_string(*t);
    if (of.is_none()) return out.append("null");
    if (auto* b = of.as_bool()) return out.append(*b ? "true" : "false");
    if (auto* i = of.as_integer()) return out.append(std::to_string(*i));
    if (auto* f = of.as_float())
      return out.append(std::isnan(*f) ? "NaN" : std::isinf(*f) ? (*f < 0 ? "-Infinity" : "Infinity") : float_text(*f));
    if (auto* l = of.as_list()) return put_list(*l, level);
    if (auto* d = of.as_mapping()) return put_dict(*d, level);
    throw fault(of.is_undefined() ? of.what() : fmt::format("{} is not JSON", of.type_name()));
  }
};

value value_of(const nlohmann::ordered_json& json, source from) {
  switch (json.type()) {
    case nlohmann::ordered_json::value_t::boolean:
      return json.get<bool>();
    case nlohmann::ordered_json::value_t::number_integer:
      return json.get<std::int64_t>();
    case nlohmann::ordered_json::value_t::number_unsigned:
      if (json.get<std::uint64_t>() > INT64_MAX) return json.get<double>();
      return json.get<std::int64_t>();
    case nlohmann::ordered_json::value_t::number_float:
      return json.get<double>();
    case nlohmann::ordered_json::value_t::string:
      return value::of(text{json.get<std::string>(), from});
    case nlohmann::ordered_json::value_t::array: {
      std::vector<value> items;
      for (const auto& item : json) items.push_back(value_of(item, from));
      return value::of(std::move(items));
    }
    case nlohmann::ordered_json::value_t::object: {
      std::vector<std::pair<text, value>> entries;
      for (const auto& [key, item] : json.items()) entries.emplace_back(text{key, from}, value_of(item, from));
      return value::of(std::move(entries));
    }
    default:
      return none{};
  }
}

/// Deeper JSON is refused before it is walked through.
bool too_deep(std::string_view json) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    char c = json[i];
    if (in_string && c == '\\')
      ++i;
    else if (c == '"')
      in_string = !in_string;
    else if (!in_string && (c == '[' || c == '{') && ++depth >= depth_max)
      return true;
    else if (!in_string && (c == ']' || c == '}') && depth > 0)
      --depth;
  }
  return false;
}

}  // namespace

text to_json(context& in, const value& of, const json_style& style) {
  writer to{in, style};
  to.put(of, 0);
  return std::move(to.out);
}

value from_json(std::string_view json, source from) {
  if (too_deep(json)) throw fault("the JSON is nested too deeply");
  auto parsed = nlohmann::ordered_json::parse(json, nullptr, false);
  if (parsed.is_discarded()) throw fault("this is not JSON");
  return value_of(parsed, from);
}

}  // namespace chromatin::model::jinja

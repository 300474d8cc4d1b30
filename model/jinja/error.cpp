#include "model/jinja/error.hpp"

#include <fmt/format.h>

namespace chromatin::model::jinja {
namespace {

/// What a template says when it raises an error may have several lines.
std::string on_one_line(std::string text) {
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  return text;
}

}  // namespace

template_error::template_error(const std::string& why, place where, bool by_template)
    : std::runtime_error{fmt::format("line {}, column {}: {}", where.line, where.column, on_one_line(why))},
      reason{on_one_line(why)},
      at{where},
      raised{by_template} {}

}  // namespace chromatin::model::jinja

#pragma once

/// Tables of filters, by what they are applied to.

#include <unordered_map>

#include "model/jinja/library.hpp"

namespace chromatin::model::jinja {

using filters = std::unordered_map<std::string_view, filter_function>;

const filters& text_filters();
const filters& list_filters();
const filters& selecting_filters();
const filters& value_filters();

/// A text, or what is put out for another value.
text as_text(context& in, const value& of);

}  // namespace chromatin::model::jinja

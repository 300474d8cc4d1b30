#pragma once

/// Fields of JSON that somebody sent. What is wrong with one is thrown as an error that names it. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "http/error.hpp"

namespace chromatin::http {

/// Throws what is wrong with the field `param`.
[[noreturn]] inline void wrong(const std::string& param, const std::string& message) {
  throw error{.status = 400, .message = message, .param = param, .code = {}};
}

/// A body that must be an object, and has not more values than are parsed in a moment: others wait so long.
nlohmann::json parse_object(std::string_view body);

/// An object's fields, of which null is the same as not there.
class fields {
 public:
  fields(const nlohmann::json& of, std::string path) : of_{of}, path_{std::move(path)} {}

  const nlohmann::json* find(const char* name) const {
    auto found = of_.find(name);
    return found == of_.end() || found->is_null() ? nullptr : &*found;
  }
  std::string path(const char* name) const { return path_.empty() ? name : path_ + '.' + name; }

  double number(const char* name, double least, double most, double otherwise) const {
    const auto* value = find(name);
    if (!value) return otherwise;
    if (!value->is_number()) wrong(path(name), fmt::format("{} must be a number", path(name)));
    auto n = value->get<double>();
    if (!(n >= least && n <= most))
      wrong(path(name), fmt::format("{} must be between {} and {}", path(name), least, most));
    return n;
  }
  std::uint64_t whole(const char* name, std::uint64_t least, std::uint64_t most, std::uint64_t otherwise) const {
    const auto* value = find(name);
    if (!value) return otherwise;
    bool fits = value->is_number_unsigned() || (value->is_number_integer() && value->get<std::int64_t>() >= 0);
    if (!fits) wrong(path(name), fmt::format("{} must be a whole number, not negative", path(name)));
    auto n = value->get<std::uint64_t>();
    if (n < least || n > most) wrong(path(name), fmt::format("{} must be between {} and {}", path(name), least, most));
    return n;
  }
  bool flag(const char* name) const {
    const auto* value = find(name);
    if (value && !value->is_boolean()) wrong(path(name), fmt::format("{} must be true or false", path(name)));
    return value && value->get<bool>();
  }
  std::string text(const char* name) const {
    const auto* value = find(name);
    if (!value) return {};
    if (!value->is_string()) wrong(path(name), fmt::format("{} must be a string", path(name)));
    return value->get<std::string>();
  }
  /// For what is not served: it may be there if it asks for nothing.
  void refuse(const char* name, bool asks_for_nothing) const {
    const auto* value = find(name);
    if (!value || asks_for_nothing || (value->is_structured() && value->empty())) return;
    wrong(path(name), fmt::format("{} is not served", path(name)));
  }
  void refuse_unless(const char* name, const nlohmann::json& nothing) const {
    const auto* value = find(name);
    refuse(name, value && *value == nothing);
  }

 private:
  const nlohmann::json& of_;
  std::string path_;
};

}  // namespace chromatin::http

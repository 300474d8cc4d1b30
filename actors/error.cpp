#include "actors/error.hpp"

#include <array>
#include <utility>

#include <caf/message.hpp>

namespace chromatin {

const char* to_string(ec code) {
  static constexpr std::array names{"none",
                                    "archived",
                                    "busy",
                                    "cancelled",
                                    "context_full",
                                    "invalid_argument",
                                    "invalid_text",
                                    "no_conversation",
                                    "no_room",
                                    "not_available",
                                    "overloaded",
                                    "store_failed",
                                    "too_large",
                                    "version_conflict"};
  auto index = static_cast<std::size_t>(code);
  return index < names.size() ? names[index] : "unknown";
}

std::string explain(const caf::error& error) {
  if (error.category() != caf::detail::error_factory<ec>::category) return "not_available: " + caf::to_string(error);
  std::string text = to_string(static_cast<ec>(error.code()));
  const auto& context = error.context();
  if (!context.empty() && context.match_element<std::string>(0)) text += ": " + context.get_as<std::string>(0);
  if (text.ends_with(']')) text += '.';  // what a client named is no field
  if (auto field = field_of(error); !field.empty()) text += " [field=" + field + "]";
  if (auto time = retry_after(error)) text += " [retry_after_ms=" + std::to_string(time->count()) + "]";
  return text;
}

caf::error come_back(ec code, std::string what, std::chrono::milliseconds retry_after) {
  return caf::make_error(code, std::move(what), std::int64_t{retry_after.count()});
}

caf::error wrong_field(std::string field, ec code, std::string what) {
  return caf::make_error(code, std::move(what), std::move(field));
}

std::string field_of(const caf::error& error) {
  const auto& context = error.context();
  return context.match_elements<std::string, std::string>() ? context.get_as<std::string>(1) : std::string{};
}

std::optional<std::chrono::milliseconds> retry_after(const caf::error& error) {
  const auto& context = error.context();
  if (!context.match_elements<std::string, std::int64_t>()) return {};
  return std::chrono::milliseconds{context.get_as<std::int64_t>(1)};
}

}  // namespace chromatin

#include "actors/error.hpp"

#include <array>

#include <caf/message.hpp>

namespace chromatin {

const char* to_string(ec code) {
  static constexpr std::array names{"none",
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
  std::string code = to_string(static_cast<ec>(error.code()));
  const auto& context = error.context();
  return context.match_elements<std::string>() ? code + ": " + context.get_as<std::string>(0) : code;
}

}  // namespace chromatin

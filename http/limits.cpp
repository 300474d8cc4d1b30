#include "http/limits.hpp"

#include "actors/gateway.hpp"
#include "http/fields.hpp"

namespace chromatin::http {
namespace {

const gateway_limits limits;

[[noreturn]] void too_large(const std::string& path, const std::string& message) {
  throw error{.status = 413, .message = message, .param = path, .code = "too_large"};
}

}  // namespace

void check_text(const std::string& path, const std::string& text) {
  if (text.size() > limits.message_bytes_max)
    too_large(path, fmt::format("{} has {} bytes, the limit is {}", path, text.size(), limits.message_bytes_max));
}

void check_name(const std::string& path, const std::string& name) {
  if (auto why = limits.wrong_with_name(name); !why.empty()) wrong(path, path + ": " + why);
}

void check_stops(const std::vector<std::string>& texts) {
  if (texts.size() > limits.stop_strings_max)
    wrong("stop", fmt::format("stop has at most {} strings", limits.stop_strings_max));
  for (const auto& text : texts) {
    if (text.empty()) wrong("stop", "an empty string in stop would end every answer before it began");
    if (text.size() > limits.stop_bytes_max)
      wrong("stop",
            fmt::format("a string in stop has at most {} bytes, this one {}", limits.stop_bytes_max, text.size()));
  }
}

void check_biases(std::size_t count) {
  if (count > limits.biases_max)
    wrong("logit_bias", fmt::format("logit_bias has at most {} tokens", limits.biases_max));
}

std::uint32_t answer_tokens_max() { return limits.answer_tokens_max; }
std::uint32_t likely_tokens_max() { return limits.likely_tokens_max; }

}  // namespace chromatin::http

#include "http/limits.hpp"

#include "actors/gateway.hpp"
#include "http/fields.hpp"

namespace chromatin::http {
namespace {

const gateway_limits gateway_takes;

[[noreturn]] void too_large(const std::string& path, const std::string& message) {
  throw error{.status = 413, .message = message, .param = path, .code = "too_large"};
}

}  // namespace

void check_text(const std::string& path, const std::string& text) {
  if (text.size() > gateway_takes.message_bytes_max)
    too_large(path,
              fmt::format("{} has {} bytes, the limit is {}", path, text.size(), gateway_takes.message_bytes_max));
}

void check_name(const std::string& path, const std::string& name) {
  if (auto why = gateway_takes.wrong_with_name(name); !why.empty()) wrong(path, path + ": " + why);
}

void check_stops(const std::vector<std::string>& texts) {
  if (texts.size() > gateway_takes.stop_strings_max)
    wrong("stop", fmt::format("stop has at most {} strings", gateway_takes.stop_strings_max));
  for (const auto& text : texts) {
    if (text.empty()) wrong("stop", "an empty string in stop would end every answer before it began");
    if (text.size() > gateway_takes.stop_bytes_max)
      wrong("stop", fmt::format("a string in stop has at most {} bytes, this one {}", gateway_takes.stop_bytes_max,
                                text.size()));
  }
}

void check_biases(std::size_t count) {
  if (count > gateway_takes.biases_max)
    wrong("logit_bias", fmt::format("logit_bias has at most {} tokens", gateway_takes.biases_max));
}

std::uint32_t answer_tokens_max() { return gateway_takes.answer_tokens_max; }
std::uint32_t likely_tokens_max() { return gateway_takes.likely_tokens_max; }

}  // namespace chromatin::http

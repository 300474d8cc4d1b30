#pragma once

/// The gateway's limits, told by the name of the field that is beyond one: the gateway knows values, not who named them
/// how. Each check throws error. Pure.

#include <cstdint>
#include <string>
#include <vector>

namespace chromatin::http {

/// A text of one message, or a prompt.
void check_text(const std::string& path, const std::string& text);

/// The name of a conversation.
void check_name(const std::string& path, const std::string& name);

void check_stops(const std::vector<std::string>& texts);
void check_biases(std::size_t count);

/// Of an answer: usually, and where its tokens' likelihoods are told.
std::uint32_t answer_tokens_max();
std::uint32_t likely_tokens_max();

}  // namespace chromatin::http

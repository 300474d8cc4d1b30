#pragma once

/// What chat says of an answer, and how it shows what others wrote. Pure.

#include <string>
#include <string_view>

#include "actors/client_values.hpp"
#include "rpc/client.hpp"

namespace chromatin::chat {

/// Why an answer ended, where it did not end by itself; else empty.
std::string why_it_ended(const turn_statistics& turn);

/// What left the window to make room; empty where nothing did.
std::string what_was_dropped(const turn_statistics& turn);

/// Where the prompt's tokens came from, and how long it all took.
std::string what_it_took(const rpc::turn_report& report);

/// Text from elsewhere for a terminal: without the control characters that would move its cursor or worse.
std::string harmless(std::string_view text);

}  // namespace chromatin::chat

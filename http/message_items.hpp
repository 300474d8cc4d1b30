#pragma once

/// Messages as OpenAI's stateful interfaces list them. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/chat_template.hpp"

namespace chromatin::http {

/// The message with this number, from 0, of a conversation.
nlohmann::ordered_json item_of(const model::message& m, std::uint32_t number);

/// A list of items, or of a part of them.
nlohmann::ordered_json page_of(std::vector<nlohmann::ordered_json> items, bool more);

/// The number in an item's id; nothing if it is no item's. Below the largest that fits.
std::optional<std::uint32_t> number_of_item(const std::string& id);

}  // namespace chromatin::http

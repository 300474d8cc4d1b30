#pragma once

/// What archives of one conversation are sealed with.

#include <array>
#include <cstddef>

namespace chromatin::io {

/// Made when a conversation is archived for the first time; stays with the registry. What was written to DNA cannot be
/// erased: a conversation is forgotten by erasing this.
struct archive_key {
  std::array<std::byte, 16> name{};    ///< random, and no secret: what the conversation is called in DNA
  std::array<std::byte, 32> secret{};  ///< random

  bool operator==(const archive_key&) const = default;
};

}  // namespace chromatin::io

#pragma once

/// How GGUF files store a tensor's elements: in blocks, by numbers of the format.

#include <cstdint>
#include <string_view>

#include "model/weights.hpp"

namespace chromatin::model::gguf {

struct tensor_type {
  std::string_view name;
  std::uint32_t block = 0;  ///< elements that are stored together; a row has whole blocks
  std::uint32_t block_bytes = 0;
  element type = element::other;
};

/// Null for a number that the format does not have.
const tensor_type* find_tensor_type(std::uint32_t number);

}  // namespace chromatin::model::gguf

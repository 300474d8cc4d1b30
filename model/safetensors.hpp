#pragma once

/// The safetensors format: an 8-byte little-endian header length, a JSON header, then the tensors' bytes.

#include <map>
#include <span>
#include <string>

#include "model/weights.hpp"

namespace chromatin::model {

/// The tensors of one file, as views into `bytes`. Every length and offset is checked: inside the file, not
/// overlapping, and as long as shape and type ask. Tensors of types that we do not compute with are `element::other`:
/// they do no harm where nobody needs them. Throws load_error; `where` names the file.
std::map<std::string, tensor, std::less<>> parse_safetensors(std::span<const std::byte> bytes,
                                                             const std::string& where);

}  // namespace chromatin::model

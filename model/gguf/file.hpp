#pragma once

/// The GGUF format, versions 2 and 3 (little-endian): metadata, a table of tensors, then the tensors' bytes.

#include <map>
#include <span>
#include <string>

#include "model/gguf/metadata.hpp"
#include "model/weights.hpp"

namespace chromatin::model::gguf {

/// Views of the bytes that it was read from. Tensors have the names of the file; a shape's last dimension is the one
/// whose elements lie side by side. Tensors of types that we do not compute with are `element::other`.
struct file {
  metadata values;
  std::map<std::string, tensor, std::less<>> tensors;
};

/// Every count, length, offset and product of dimensions is checked before it is used, and nothing is allocated for
/// more than the file has bytes for: tensors lie inside the file and do not overlap, keys and names are there once.
/// Throws load_error; `where` names the file.
file parse(std::span<const std::byte> bytes, const std::string& where);

}  // namespace chromatin::model::gguf

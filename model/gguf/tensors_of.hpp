#pragma once

/// A GGUF file's tensors under the names that Hugging Face gives them.

#include <cstdint>
#include <map>
#include <string>

#include "model/gguf/architectures.hpp"
#include "model/gguf/contents.hpp"
#include "model/load_error.hpp"

namespace chromatin::model::gguf {

struct named_tensors {
  std::map<std::string, tensor, std::less<>> tensors;
  /// Those whose rows are pairs side by side (model::weights), and how many heads they are of.
  std::map<std::string, std::uint32_t, std::less<>> paired_rows;
};

/// `blk.0.attn_q.weight` is `model.layers.0.self_attn.q_proj.weight`, and so on; a tensor of all experts is one for
/// each. Tensors that are no part of Hugging Face's model are left out. Throws load_error.
named_tensors tensors_of(const contents& from, std::uint32_t heads, std::uint32_t kv_heads);
/// An error about a tensor, with the name that a file of this architecture has for it at the end.
load_error with_own_name(const architecture& of, const tensor_error& error);

}  // namespace chromatin::model::gguf

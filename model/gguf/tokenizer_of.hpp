#pragma once

/// The tokenizer that a GGUF file's metadata describes, and its chat template.

#include <memory>

#include "model/chat_description.hpp"
#include "model/gguf/metadata.hpp"
#include "model/tokenizer.hpp"

namespace chromatin::model::gguf {

/// `tokenizer.ggml.model` "gpt2" (byte-level BPE, cut as `tokenizer.ggml.pre` says) or "llama" (SentencePiece).
/// Whether a text begins with a token of its own (`add_bos_token`) is left to the chat template, as Hugging Face's
/// programs leave it. `vocabulary` is the model's: a larger one is refused. Throws load_error.
std::shared_ptr<const tokenizer> tokenizer_of(const metadata& values, std::uint32_t vocabulary);

/// `tokenizer.chat_template`, and the texts of the special tokens that the metadata names by their ids. Throws
/// load_error.
chat_description chat_of(const metadata& values);

}  // namespace chromatin::model::gguf

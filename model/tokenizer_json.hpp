#pragma once

/// What a `tokenizer.json` of a BPE kind or of a Unigram model says.

#include <string_view>

#include "model/json_node.hpp"
#include "model/tokenizer_parts.hpp"

namespace chromatin::model {

/// Reads and checks. Everything that would change tokens and is not understood is refused: throws load_error that names
/// it; `where` names the file. What is without effect on plain text is left out: post-processor (chat templates place
/// control tokens themselves), truncation, padding. Where the SentencePiece model that a Unigram model was made from is
/// there, too, only `added` is read of it.
tokenizer_parts parse_tokenizer_json(std::string_view text, const std::string& where, bool has_sentencepiece = false);

/// Its parts (tokenizer_steps_json.cpp): how texts are normalised and cut, and what the decoder says of the pieces.
void parse_normalizer(const json_node& in, tokenizer_parts& out);
void parse_pre_tokenizer(const json_node& in, tokenizer_parts& out);
void parse_decoder(const json_node& in, tokenizer_parts& out);

/// An entry of `added_tokens`, but for its id.
added_token parse_added_token(const json_node& in);
kv::token_id parse_token_id(const json_node& in);

}  // namespace chromatin::model

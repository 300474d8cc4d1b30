#pragma once

/// What a tokenizer of BPE or of a Unigram model is made of, whatever file says it: `tokenizer.json` and GGUF's
/// metadata are read into this.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::model {

class tokenizer;

/// ▁, with which SentencePiece writes a space in its pieces.
constexpr std::string_view written_space = "\xE2\x96\x81";

/// What a piece of a vocabulary is. The numbers are those of SentencePiece models and of GGUF's
/// `tokenizer.ggml.token_type`.
enum class piece_kind : std::uint8_t { normal = 1, unknown, control, user_defined, unused, byte };

struct vocabulary_piece {
  std::string text;  ///< as the file writes it: in the byte alphabet, or with ▁ for a space
  kv::token_id id = 0;
  piece_kind kind = piece_kind::normal;
  double score = 0;  ///< where merges follow from scores, and of a Unigram model
};

/// A token beside the vocabulary, or one in it that texts are searched for before they are cut.
struct added_token {
  std::string content;
  kv::token_id id = 0;
  bool special = false;      ///< a control token
  bool normalized = false;   ///< is looked for in the normalised text
  bool strips_left = false;  ///< takes the white space before it
  bool strips_right = false;
  bool single_word = false;  ///< not within a word
};

/// One change of a text before it is cut.
struct normalizer_step {
  enum class kind { nfc, nfd, nfkc, nfkd, lowercase, prepend, replace, replace_pattern, strip, characters };
  kind what = kind::nfc;
  std::string from, to;  ///< `replace`: the text, or the pattern, and what comes in its place; `prepend`: `to`;
                         ///< `characters`: `from` is SentencePiece's table (model/charsmap.hpp)
  bool left = true, right = true;  ///< `strip`: the ends that lose their white space
  std::string where;               ///< for errors
};

/// What becomes of the text that a cut looks for.
enum class cut_matches { isolated, removed, merged_with_previous, merged_with_next, contiguous };

/// One step of cutting a text into parts, within which merges stay.
struct cut_step {
  enum class kind {
    pattern,       ///< cuts where a regular expression, in Oniguruma's syntax, matches
    text,          ///< cuts where a text stands
    prefix_space,  ///< a space before each part that does not begin with one
    space_mark     ///< ▁ for each space; `first` says where one is put before the text
  };
  enum class prefix { never, first, always };
  kind what = kind::pattern;
  std::string sought;  ///< the pattern or the text
  cut_matches matches = cut_matches::isolated;
  bool invert = false;  ///< what lies between matches counts as the match
  prefix first = prefix::never;
  std::string where;  ///< for errors
};

struct tokenizer_parts {
  std::string where;                                                          ///< the file: begins every error
  std::string vocabulary_key = "model: vocab", merges_key = "model: merges";  ///< what the file calls them, for errors
  bool unigram = false;  ///< a text is cut into the likeliest pieces, by their scores; there are no merges
  std::vector<vocabulary_piece> vocabulary;
  std::vector<added_token> added;  ///< control and user-defined pieces of the vocabulary need not be here
  enum class spelling {
    byte_alphabet,  ///< pieces are bytes in the byte alphabet
    space_mark      ///< pieces are texts with ▁ for a space; of kind `byte` are those named `<0x0A>`
  };
  spelling spelled = spelling::byte_alphabet;
  std::vector<std::pair<std::string, std::string>> merges;  ///< in their order
  /// There is no list of merges: two neighbours that make a piece together merge, the best score first (SentencePiece's
  /// BPE).
  bool merges_by_score = false;
  bool ignore_merges = false;           ///< a part that is a token as a whole is not put together by merges
  std::optional<kv::token_id> unknown;  ///< what stands for a character that is no piece and has no bytes
  bool fuse_unknown = false;            ///< one for several in a row
  std::vector<normalizer_step> normalizers;
  std::vector<cut_step> cuts;
  /// Tokens beside the vocabulary with this id or a larger one are left out: the model has no row for them.
  std::uint32_t ids = ~std::uint32_t{0};
  kv::hash128 hash;  ///< of the file
};

/// Checks and builds. Throws load_error, which begins with `where` and names what is wrong.
std::shared_ptr<const tokenizer> build_tokenizer(tokenizer_parts parts);

/// Sets how texts are cut and normalised (`normalizers`, `cuts`, `spelled`, `ignore_merges`) as GGUF names it:
/// `tokenizer.ggml.model` is "gpt2", and `pre` is the value of `tokenizer.ggml.pre`. A name that is not known is
/// refused: throws load_error.
void cut_like(std::string_view pre, tokenizer_parts& parts);

/// The same for `tokenizer.ggml.model` "llama": merges by score, bytes for what is no piece. `prefix` is
/// `tokenizer.ggml.add_space_prefix`.
void cut_like_sentencepiece(bool prefix, tokenizer_parts& parts);

}  // namespace chromatin::model

#pragma once

/// An answer's text as its tokens come: whole characters only, and nothing that may turn out to belong to a stop
/// string.

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "model/tokenizer.hpp"
#include "model/utf8.hpp"

namespace chromatin::model {

class text_stream {
 public:
  /// `stop`: the answer ends before the first of these texts.
  text_stream(std::shared_ptr<const tokenizer> words, std::vector<std::string> stop);

  /// The text that is certain now. Nothing more comes once `stopped()`.
  std::string push(kv::token_id token);
  /// The text that was held back, when no more tokens come.
  std::string finish();
  bool stopped() const { return stopped_; }
  /// Leading tokens whose whole text is out.
  std::size_t tokens_out() const { return tokens_out_; }

 private:
  std::string release(const std::string& text);
  std::string let_out(std::size_t bytes);

  std::shared_ptr<const tokenizer> words_;
  std::vector<std::string> stop_;
  utf8_assembler characters_;
  std::string held_;
  std::deque<std::size_t> ends_;  ///< where the texts of tokens end that are not out, in bytes of the whole answer
  std::size_t bytes_in_ = 0, bytes_out_ = 0, tokens_out_ = 0;
  bool at_start_ = true;
  bool stopped_ = false;
};

}  // namespace chromatin::model

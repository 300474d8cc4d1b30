#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace chromatin::dna {

/// The bytes of a file, or of the standard input where it is called "-"; gzip and BGZF are unpacked. What a file that
/// was cut short has is given out before the error is thrown. One thread at a time.
class byte_source {
 public:
  /// What the content looks like, as htslib sees it.
  enum class kind { text, alignments };

  /// Throws reads_error where the file is missing or empty.
  explicit byte_source(const std::filesystem::path& file);
  ~byte_source();
  byte_source(byte_source&&) noexcept;

  kind what() const { return kind_; }
  const std::string& name() const { return name_; }

  /// A line without its end (LF or CRLF; CR in a file without LF), valid until the next call; false at the end. Throws
  /// reads_error on damage, and where a line is longer than any instrument's.
  bool line(std::string_view& into);
  /// The first byte of the next line, 0 at the end.
  char peek();

  /// Hands the opened file over to htslib (hFILE*): for alignments.
  void* release();

  struct implementation;

 private:
  bool fill();

  std::string name_;
  kind kind_ = kind::text;
  std::unique_ptr<implementation> implementation_;
  std::string buffer_;
  std::size_t at_ = 0;
  bool ended_ = false;
  char line_end_ = 0;  // known once something was read
};

}  // namespace chromatin::dna

#include "dna/reads/byte_source.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <htslib/bgzf.h>
#include <htslib/hfile.h>
#include <htslib/hts.h>
#include <htslib/hts_log.h>
#include <zlib.h>

#include "dna/reads/reads.hpp"

namespace chromatin::dna {
namespace {

/// What a block of BGZF unpacks to, at most.
constexpr std::size_t chunk_bytes = 1 << 16;
/// Beyond this a file has no lines: reads of nanopores have some millions of bases.
constexpr std::size_t line_max_bytes = 1 << 26;

struct close_file {
  void operator()(hFILE* file) const { hclose_abruptly(file); }
  void operator()(BGZF* file) const { bgzf_close(file); }
};

}  // namespace

/// Bytes as they come.
struct byte_source::implementation {
  virtual ~implementation() = default;
  /// Up to `count` bytes; 0 at the end. Sets `problem` where the rest is lost.
  virtual std::size_t read(char* to, std::size_t count) = 0;
  virtual hFILE* release() { return nullptr; }
  std::string problem;
};

namespace {

struct plain_bytes final : byte_source::implementation {
  explicit plain_bytes(std::unique_ptr<hFILE, close_file> opened) : file{std::move(opened)} {}
  std::size_t read(char* to, std::size_t count) override {
    const auto got = hread(file.get(), to, count);
    if (got < 0) problem = "cannot be read";
    return got < 0 ? 0 : static_cast<std::size_t>(got);
  }
  hFILE* release() override { return file.release(); }
  std::unique_ptr<hFILE, close_file> file;
};

/// Blocks of gzip, which are unpacked faster than a stream.
struct bgzf_bytes final : byte_source::implementation {
  explicit bgzf_bytes(hFILE* opened) : file{bgzf_hopen(opened, "r")} {
    if (file) marked = bgzf_check_EOF(file.get()) != 0;
  }
  std::size_t read(char* to, std::size_t count) override {
    // Block by block: a read across a damaged one would lose what came before it.
    if (file->block_offset >= file->block_length && bgzf_read_block(file.get()) != 0) {
      problem = "damaged or cut off";
      return 0;
    }
    const auto left = static_cast<std::size_t>(file->block_length - file->block_offset);
    if (left == 0) {
      if (!marked) problem = "cut off: its end mark is missing";
      return 0;
    }
    const auto got = bgzf_read(file.get(), to, std::min(count, left));
    if (got < 0) problem = "damaged or cut off";
    return got < 0 ? 0 : static_cast<std::size_t>(got);
  }
  std::unique_ptr<BGZF, close_file> file;
  bool marked = true;
};

/// A stream of gzip, of one member or several.
struct gzip_bytes final : byte_source::implementation {
  explicit gzip_bytes(std::unique_ptr<hFILE, close_file> opened) : file{std::move(opened)} {
    inflateInit2(&stream, 16 + MAX_WBITS);
  }
  ~gzip_bytes() override { inflateEnd(&stream); }

  std::size_t read(char* to, std::size_t count) override {
    stream.next_out = reinterpret_cast<Bytef*>(to);
    stream.avail_out = static_cast<uInt>(count);
    while (stream.avail_out > 0 && problem.empty()) {
      if (stream.avail_in == 0) {
        const auto got = hread(file.get(), packed.data(), packed.size());
        if (got <= 0) {
          if (inside || got < 0) problem = "damaged or cut off";
          break;
        }
        stream.next_in = reinterpret_cast<Bytef*>(packed.data());
        stream.avail_in = static_cast<uInt>(got);
      }
      inside = true;
      const int status = inflate(&stream, Z_NO_FLUSH);
      if (status == Z_STREAM_END) {
        inside = false;
        inflateReset(&stream);
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        problem = "damaged or cut off";
      }
    }
    return count - stream.avail_out;
  }

  std::unique_ptr<hFILE, close_file> file;
  z_stream stream{};
  std::string packed = std::string(chunk_bytes, '\0');
  bool inside = false;  // a member
};

/// The program that packed a file if it is none whose files are unpacked here.
const char* foreign_packing(const htsFormat& format, hFILE* opened) {
  char first[4]{};
  if (hpeek(opened, first, sizeof first) == 4 && std::string_view{first, 4} == "PK\3\4") return "zip";
  switch (format.compression) {
    case bzip2_compression:
      return "bzip2";
    case xz_compression:
      return "xz";
    case zstd_compression:
      return "zstd";
    default:
      return nullptr;
  }
}

}  // namespace

byte_source::byte_source(const std::filesystem::path& file) : name_{file.string()} {
  hts_set_log_level(HTS_LOG_OFF);
  if (std::filesystem::is_directory(file)) throw reads_error{fmt::format("{} is a folder, not a file of reads", name_)};
  std::unique_ptr<hFILE, close_file> opened{hopen(file.c_str(), "r")};
  if (!opened) throw reads_error{fmt::format("{}: {}", name_, std::strerror(errno))};
  char first = 0;
  if (hpeek(opened.get(), &first, 1) < 1) throw reads_error{fmt::format("{}: empty, no reads in it", name_)};
  htsFormat format{};
  hts_detect_format(opened.get(), &format);
  if (const auto* packed = foreign_packing(format, opened.get()))
    throw reads_error{fmt::format(
        "{}: packed by {}, which is not read here: unpack it first (\"-\" reads what a pipe brings)", name_, packed)};
  if (format.format == sam || format.format == bam || format.format == cram) {
    kind_ = kind::alignments;
    implementation_ = std::make_unique<plain_bytes>(std::move(opened));
  } else if (format.compression == bgzf) {
    implementation_ = std::make_unique<bgzf_bytes>(opened.release());
  } else if (format.compression == gzip) {
    implementation_ = std::make_unique<gzip_bytes>(std::move(opened));
  } else {
    implementation_ = std::make_unique<plain_bytes>(std::move(opened));
  }
}

byte_source::~byte_source() = default;
byte_source::byte_source(byte_source&&) noexcept = default;

void* byte_source::release() { return implementation_->release(); }

bool byte_source::fill() {
  if (ended_) return false;
  buffer_.erase(0, at_);
  at_ = 0;
  const auto kept = buffer_.size();
  buffer_.resize(kept + chunk_bytes);
  const auto got = implementation_->read(buffer_.data() + kept, chunk_bytes);
  buffer_.resize(kept + got);
  ended_ = got == 0;
  if (line_end_ == 0 && got > 0)
    line_end_ = buffer_.find('\n') == buffer_.npos && buffer_.find('\r') != buffer_.npos ? '\r' : '\n';
  return got > 0;
}

char byte_source::peek() {
  while (at_ == buffer_.size())
    if (!fill()) return 0;
  return buffer_[at_];
}

bool byte_source::line(std::string_view& into) {
  std::size_t looked = at_;
  for (;;) {
    const auto* end =
        static_cast<const char*>(std::memchr(buffer_.data() + looked, line_end_, buffer_.size() - looked));
    if (end) {
      const auto stop = static_cast<std::size_t>(end - buffer_.data());
      into = std::string_view{buffer_}.substr(at_, stop - at_);
      at_ = stop + 1;
      break;
    }
    looked = buffer_.size() - at_;
    if (looked > line_max_bytes) throw reads_error{"a line that is too long for a read"};
    if (fill()) continue;
    if (!implementation_->problem.empty()) throw reads_error{implementation_->problem};
    if (at_ == buffer_.size()) return false;
    into = std::string_view{buffer_}.substr(at_);
    at_ = buffer_.size();
    break;
  }
  if (into.ends_with('\r')) into.remove_suffix(1);
  return true;
}

}  // namespace chromatin::dna

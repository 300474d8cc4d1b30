#include "dna/reads/reads.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include <fmt/format.h>
#include <htslib/bgzf.h>
#include <htslib/hts_log.h>
#include <htslib/kstring.h>
#include <htslib/sam.h>

namespace chromatin::dna {

struct read_source::implementation {
  explicit implementation(std::filesystem::path name) : file{std::move(name)} {}
  virtual ~implementation() = default;
  virtual bool next(read& into) = 0;

  [[noreturn]] void damaged(const char* what) const {
    throw reads_error{fmt::format("{}: {} after {} reads", file.string(), what, count)};
  }

  std::filesystem::path file;
  std::size_t count = 0;
};

namespace {

struct close_hts {
  void operator()(samFile* file) const { sam_close(file); }
  void operator()(sam_hdr_t* header) const { sam_hdr_destroy(header); }
  void operator()(bam1_t* record) const { bam_destroy1(record); }
  void operator()(BGZF* file) const { bgzf_close(file); }
};
template <class T>
using owned = std::unique_ptr<T, close_hts>;

/// FASTA, FASTQ, SAM, BAM: htslib shows all of them as BAM records.
struct records final : read_source::implementation {
  records(const std::filesystem::path& name, owned<samFile> opened) : implementation{name}, in{std::move(opened)} {
    header.reset(sam_hdr_read(in.get()));
    if (!header) damaged("no readable header");
  }

  bool next(read& into) override {
    const int status = sam_read1(in.get(), header.get(), record.get());
    if (status == -1) return false;
    if (status < -1) damaged("damaged or cut off");
    const auto length = static_cast<std::size_t>(record->core.l_qseq);
    const auto* packed = bam_get_seq(record);
    const auto* phred = bam_get_qual(record);
    into.name = bam_get_qname(record);
    into.bases.resize(length);
    for (std::size_t i = 0; i < length; ++i) into.bases[i] = seq_nt16_str[bam_seqi(packed, i)];
    // 0xff stands for "no quality" in BAM.
    into.quality.resize(length > 0 && phred[0] != 0xff ? length : 0);
    for (std::size_t i = 0; i < into.quality.size(); ++i) into.quality[i] = static_cast<char>(phred[i] + 33);
    ++count;
    return true;
  }

  owned<samFile> in;
  owned<sam_hdr_t> header;
  owned<bam1_t> record{bam_init1()};
};

struct lines final : read_source::implementation {
  explicit lines(const std::filesystem::path& name) : implementation{name}, in{bgzf_open(name.c_str(), "r")} {
    if (!in) damaged("cannot be opened");
  }
  ~lines() override { ks_free(&line); }

  bool next(read& into) override {
    for (;;) {
      const int status = bgzf_getline(in.get(), '\n', &line);
      if (status == -1) return false;
      if (status < -1) damaged("damaged or cut off");
      const std::string_view text{line.s, line.l};
      const auto end = text.find_last_not_of("\r \t") + 1;
      if (end == 0) continue;
      take(text.substr(0, end), into);
      return true;
    }
  }

  void take(std::string_view text, read& into) {
    into.name.clear();
    into.quality.clear();
    into.bases.assign(text);
    for (char& base : into.bases) {
      if (!std::isalpha(static_cast<unsigned char>(base))) damaged("a line that is not a sequence");
      base = static_cast<char>(std::toupper(static_cast<unsigned char>(base)));
    }
    ++count;
  }

  owned<BGZF> in;
  kstring_t line = KS_INITIALIZE;
};

bool has_records(const htsFormat& format) {
  switch (format.format) {
    case fasta_format:
    case fastq_format:
    case sam:
    case bam:
      return true;
    default:
      return false;
  }
}

std::unique_ptr<read_source::implementation> open(const std::filesystem::path& file) {
  hts_set_log_level(HTS_LOG_OFF);
  std::error_code unreadable;
  const auto bytes = std::filesystem::file_size(file, unreadable);
  if (unreadable) throw reads_error{fmt::format("{}: {}", file.string(), unreadable.message())};
  if (bytes == 0) throw reads_error{fmt::format("{}: empty, no reads in it", file.string())};
  owned<samFile> opened{sam_open(file.c_str(), "r")};
  if (opened && has_records(*hts_get_format(opened.get()))) return std::make_unique<records>(file, std::move(opened));
  return std::make_unique<lines>(file);
}

}  // namespace

read_source::read_source(const std::filesystem::path& file) : implementation_{open(file)} {}
read_source::~read_source() = default;
read_source::read_source(read_source&&) noexcept = default;
read_source& read_source::operator=(read_source&&) noexcept = default;
bool read_source::next(read& into) { return implementation_->next(into); }

}  // namespace chromatin::dna

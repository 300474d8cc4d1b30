#include "dna/reads/reads.hpp"

#include <array>
#include <cctype>
#include <utility>

#include <fmt/format.h>
#include <htslib/hfile.h>
#include <htslib/sam.h>

#include "dna/reads/byte_source.hpp"

namespace chromatin::dna {

struct read_source::implementation {
  explicit implementation(std::string name) : file{std::move(name)} {}
  virtual ~implementation() = default;
  virtual bool next(read& into) = 0;

  [[noreturn]] void damaged(std::string_view what) const {
    if (count == 0) throw reads_error{fmt::format("{}: {} before the first read", file, what)};
    throw reads_error{
        fmt::format("{}: {} after {} reads, of which the last is called \"{:.80}\"", file, what, count, last)};
  }

  std::string file;
  std::size_t count = 0;
  std::string last;
};

namespace {

struct close_hts {
  void operator()(samFile* file) const { sam_close(file); }
  void operator()(sam_hdr_t* header) const { sam_hdr_destroy(header); }
  void operator()(bam1_t* record) const { bam_destroy1(record); }
};
template <class T>
using owned = std::unique_ptr<T, close_hts>;

struct alignments final : read_source::implementation {
  explicit alignments(byte_source opened) : implementation{opened.name()} {
    in.reset(hts_hopen(static_cast<hFILE*>(opened.release()), file.c_str(), "r"));
    if (in) header.reset(sam_hdr_read(in.get()));
    if (!header) damaged("no readable header");
  }

  bool next(read& into) override {
    do {
      const int status = sam_read1(in.get(), header.get(), record.get());
      if (status == -1) return false;
      if (status < -1)
        damaged(in->format.format == cram ? "damaged, cut off, or its reference is missing (name it in REF_PATH)"
                                          : "damaged or cut off");
    } while ((record->core.flag & (BAM_FSECONDARY | BAM_FSUPPLEMENTARY)) != 0);
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
    last = into.name;
    return true;
  }

  owned<samFile> in;
  owned<sam_hdr_t> header;
  owned<bam1_t> record{bam_init1()};
};

/// Upper case of letters, T of U (RNA), N of a dot (an unreadable base), 0 of everything else.
constexpr std::array<char, 256> letter_of = [] {
  std::array<char, 256> table{};
  for (int c = 'A'; c <= 'Z'; ++c)
    table[static_cast<std::size_t>(c)] = table[static_cast<std::size_t>(c - 'A' + 'a')] = static_cast<char>(c);
  table['.'] = 'N';
  table['U'] = table['u'] = 'T';
  return table;
}();

/// What may stand among the letters and means nothing: blanks, gaps of an alignment, the mark of a sequence's end.
constexpr std::string_view no_letters = " \t-*";

/// What some editors put before a text in UTF-8.
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

struct text final : read_source::implementation {
  explicit text(byte_source opened) : implementation{opened.name()}, in{std::move(opened)} {}

  bool next(read& into) override {
    into.name.clear();
    into.bases.clear();
    into.quality.clear();
    std::string_view line;
    do {
      if (!take(line)) return false;
      if (count == 0 && line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
    } while (line.find_first_not_of(" \t") == line.npos);
    switch (line[0]) {
      case '>':
        name_of(line, into);
        while (in_record('>')) append(line, into);
        break;
      case '@':
        name_of(line, into);
        fastq(line, into);
        break;
      default:
        add_bases(line, into);
    }
    ++count;
    last = into.name;
    return true;
  }

 private:
  bool take(std::string_view& line) try { return in.line(line); } catch (const reads_error& error) {
    damaged(error.what());
  }
  char peek() { return in.peek(); }
  bool in_record(char mark) {
    const char next = peek();
    return next != 0 && next != mark;
  }
  void append(std::string_view& line, read& into) {
    if (take(line)) add_bases(line, into);
  }

  /// Up to the first blank: what follows is a comment.
  static void name_of(std::string_view line, read& into) { into.name = line.substr(1, line.find_first_of(" \t") - 1); }

  void add_bases(std::string_view line, read& into) {
    const auto begin = into.bases.size();
    into.bases += line;
    bool all = true;
    for (auto base = into.bases.begin() + static_cast<std::ptrdiff_t>(begin); base != into.bases.end(); ++base) {
      *base = letter_of[static_cast<unsigned char>(*base)];
      all = all && *base != 0;
    }
    if (all) return;
    for (const char one : line)
      if (letter_of[static_cast<unsigned char>(one)] == 0 && no_letters.find(one) == no_letters.npos)
        damaged("a line that is not a sequence");
    std::erase(into.bases, '\0');
  }

  void fastq(std::string_view& line, read& into) {
    for (;;) {
      if (!take(line)) damaged("half a record");
      if (line.starts_with('+')) break;
      add_bases(line, into);
    }
    while (into.quality.size() < into.bases.size()) {
      if (!take(line)) damaged("half a record");
      into.quality += line;
    }
    if (into.bases.empty() && peek() == '\n') take(line);
    if (into.quality.size() != into.bases.size()) damaged("a record with more qualities than bases");
  }

  byte_source in;
};

std::unique_ptr<read_source::implementation> open(const std::filesystem::path& file) {
  byte_source opened{file};
  if (opened.what() == byte_source::kind::alignments) return std::make_unique<alignments>(std::move(opened));
  return std::make_unique<text>(std::move(opened));
}

}  // namespace

read_source::read_source(const std::filesystem::path& file) : implementation_{open(file)} {}
read_source::~read_source() = default;
read_source::read_source(read_source&&) noexcept = default;
read_source& read_source::operator=(read_source&&) noexcept = default;
bool read_source::next(read& into) { return implementation_->next(into); }

}  // namespace chromatin::dna

#include "dna/reads/read_sink.hpp"

#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <htslib/bgzf.h>

namespace chromatin::dna {

struct read_sink::stream {
  BGZF* file;
  ~stream() {
    if (file) bgzf_close(file);
  }
};

read_sink::read_sink(const std::filesystem::path& file) : file_{file} {
  // "u" writes as it is, without blocks.
  stream_.reset(new stream{bgzf_open(file.c_str(), file.extension() == ".gz" ? "w1" : "wu")});
  if (!stream_->file) throw reads_error{fmt::format("{}: cannot be written", file.string())};
}

read_sink::~read_sink() = default;

void read_sink::put(const read& one) {
  line_.clear();
  fmt::format_to(std::back_inserter(line_), "@{}\n{}\n+\n", one.name, one.bases);
  if (one.quality.empty())
    line_.append(one.bases.size(), '?');
  else
    line_ += one.quality;
  line_ += '\n';
  if (bgzf_write(stream_->file, line_.data(), line_.size()) != static_cast<ssize_t>(line_.size()))
    throw reads_error{fmt::format("{}: cannot be written", file_.string())};
}

void read_sink::close() {
  if (bgzf_close(std::exchange(stream_->file, nullptr)) != 0)
    throw reads_error{fmt::format("{}: cannot be written", file_.string())};
}

}  // namespace chromatin::dna

#include "dna/partition/files.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace chromatin::dna {
namespace {

[[noreturn]] void fail(const std::filesystem::path& file, std::string_view what) {
  throw std::runtime_error{fmt::format("{}: {}: {}", file.string(), what, std::strerror(errno))};
}

class descriptor {
 public:
  descriptor(const std::filesystem::path& file, int flags) : number_{::open(file.c_str(), flags | O_CLOEXEC, 0644)} {
    if (number_ < 0) fail(file, "cannot be opened");
  }
  ~descriptor() { ::close(number_); }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

void sync(const descriptor& what, const std::filesystem::path& file) {
  if (::fsync(what.number()) != 0) fail(file, "cannot be synced");
}

void write_all(const descriptor& into, const std::filesystem::path& file, std::string_view content) {
  while (!content.empty()) {
    const auto written = ::write(into.number(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(file, "cannot be written");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  sync(into, file);
}

}  // namespace

std::string read_file(const std::filesystem::path& file) {
  if (std::filesystem::is_directory(file)) throw std::runtime_error{fmt::format("{} is a folder", file.string())};
  std::ifstream in{file, std::ios::binary};
  if (!in) fail(file, "cannot be read");
  std::string content{std::istreambuf_iterator<char>{in}, {}};
  if (in.bad()) fail(file, "cannot be read");
  return content;
}

void replace_file(const std::filesystem::path& file, std::string_view content) {
  // A name of its own: the file's may be as long as names can be.
  const auto beside = file.parent_path() / fmt::format(".chromatin-{}.new", ::getpid());
  {
    const descriptor out{beside, O_WRONLY | O_CREAT | O_TRUNC};
    write_all(out, beside, content);
  }
  if (::rename(beside.c_str(), file.c_str()) != 0) fail(file, "cannot be replaced");
  sync_folder(file.has_parent_path() ? file.parent_path() : std::filesystem::path{"."});
}

void append_to_file(const std::filesystem::path& file, std::uintmax_t kept, std::string_view content) {
  const descriptor out{file, O_WRONLY};
  if (::lseek(out.number(), static_cast<off_t>(kept), SEEK_SET) < 0) fail(file, "cannot be written");
  write_all(out, file, content);
}

void sync_folder(const std::filesystem::path& folder) { sync(descriptor{folder, O_RDONLY | O_DIRECTORY}, folder); }

}  // namespace chromatin::dna

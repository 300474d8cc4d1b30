#include "io/shared_counts.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/segments.hpp"

namespace chromatin::io {

std::shared_ptr<counted_faults> share_counts(const std::string& file) {
  if (file.empty()) return std::make_shared<counted_faults>();
  file_descriptor fd{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  void* memory = MAP_FAILED;
  // A new file is zeros, as fresh counters are.
  if (fd.get() >= 0 && ::ftruncate(fd.get(), sizeof(counted_faults)) == 0)
    memory = ::mmap(nullptr, sizeof(counted_faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) throw open_error(file + ": " + std::strerror(errno));
  return {static_cast<counted_faults*>(memory), [](counted_faults* all) { ::munmap(all, sizeof(counted_faults)); }};
}

}  // namespace chromatin::io

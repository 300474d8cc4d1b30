#include "io/operation.hpp"

#include <cerrno>

#include "kv/check.hpp"

namespace chromatin::io {

verdict judge(operation& op, std::int64_t answer) {
  // A signal came first (EINTR), or the kernel is short of memory or of requests for now (EAGAIN).
  if (answer == -EINTR || answer == -EAGAIN) {
    if (++op.put_off < put_off_max) return {.again = true};
    return {.error = static_cast<int>(-answer)};
  }
  if (answer < 0) return {.error = static_cast<int>(-answer)};
  op.put_off = 0;
  if (op.what == operation::kind::sync) return {};
  auto moved = static_cast<std::size_t>(answer);
  CHROMATIN_CHECK(moved <= op.size_bytes, "more was moved than was asked for");
  if (moved == op.size_bytes) return {};
  // Short. Direct I/O goes on at an aligned place only; without one whole block there is no progress, as when the file
  // ends here or inside the next block.
  auto whole = moved / alignment_bytes * alignment_bytes;
  if (whole == 0) return {.error = EIO};
  op.data += whole;
  op.where.offset_bytes += whole;
  op.size_bytes -= whole;
  return {.again = true};
}

}  // namespace chromatin::io

#include "http/checked_input.hpp"

#include <algorithm>
#include <cstring>

#include <kj/debug.h>

namespace chromatin::http {
namespace {

constexpr std::size_t read_bytes = 16 << 10;

}  // namespace

kj::Promise<std::size_t> checked_input::read(void* buffer, std::size_t least, std::size_t most) {
  check(least);
  auto now = std::min(most, passed_.size());
  std::memcpy(buffer, passed_.data(), now);
  passed_.erase(0, now);
  if (now >= least) return now;
  if (framing_.wrong() && framing_.is_in_body()) return KJ_EXCEPTION(FAILED, "framing", framing_.wrong()->sentence);
  if (framing_.wrong()) return now;
  return fill().then([this, now, least, most, to = static_cast<kj::byte*>(buffer) + now](bool more) {
    if (!more) return kj::Promise<std::size_t>{now};
    return read(to, least - now, most - now).then([now](std::size_t rest) { return now + rest; });
  });
}

void checked_input::check(std::size_t wanted) {
  while (!sent_.empty() && passed_.size() < wanted && !framing_.wrong()) sent_.erase(0, framing_.take(sent_, passed_));
}

kj::Promise<bool> checked_input::fill() {
  auto part = kj::heapArray<char>(read_bytes);
  auto got = inner_.tryRead(part.begin(), 1, part.size());
  return got.then([this, part = kj::mv(part)](std::size_t size) {
    sent_.append(part.begin(), size);
    return size > 0;
  });
}

}  // namespace chromatin::http

// Bytes of a connection: what passes of them has one meaning, however they come.

#include <algorithm>

#include "http/framing.hpp"
#include "tests/fuzz/input.hpp"

using namespace chromatin;

namespace {

struct taken {
  std::string passed;
  bool wrong = false, in_body = false;
};

taken take(std::string_view sent, std::size_t size) {
  taken all;
  http::framing framing;
  for (std::size_t at = 0; at < sent.size() && !framing.wrong();) {
    auto took = framing.take(sent.substr(at, size), all.passed);
    fuzz::must(took > 0);
    at += took;
  }
  all.wrong = framing.wrong().has_value();
  all.in_body = framing.is_in_body();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto sent = fuzz::text_of(data, size);
  auto whole = take(sent, std::max<std::size_t>(size, 1));
  for (std::size_t part : {1, 5}) {
    auto parts = take(sent, part);
    fuzz::must(parts.wrong == whole.wrong && parts.in_body == whole.in_body);
    fuzz::must(parts.passed == whole.passed);
  }
  if (whole.wrong && !whole.in_body) return 0;  // it is refused
  auto again = take(whole.passed, std::max<std::size_t>(whole.passed.size(), 1));
  fuzz::must(!again.wrong && again.passed == whole.passed);
  return 0;
}

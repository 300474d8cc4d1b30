// A transcript as it comes out of DNA: any bytes as its file, and any record in a frame that is sound.

#include <zstd.h>

#include "archive/frames.hpp"
#include "archive/transcript.hpp"
#include "tests/fuzz/input.hpp"

using namespace chromatin;

namespace {

/// What a registry does with a window.
void use(kv::lineage window) {
  kv::chain(window, window.settled);
  kv::history(window);
  kv::make_room(window, 100, {});
}

void take(archive::transcript& said, std::span<const std::uint8_t> frame) {
  const auto before = said;
  try {
    said.take(frame);
    use(said.now().window);
  } catch (const archive::frame_error& e) {
    fuzz::must(std::string_view{e.what()}.find('\n') == std::string_view::npos);
    fuzz::must(said.now() == before.now() && said.frames() == before.frames());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  archive::transcript said;
  const auto list = archive::split_frames({data, size});
  fuzz::must(list.damage.has_value() || size >= archive::empty_frame_file().size());
  for (auto frame : list.frames) take(said, frame);

  std::vector<std::uint8_t> frame(ZSTD_compressBound(size));
  frame.resize(ZSTD_compress(frame.data(), frame.size(), data, size, 1));
  archive::transcript first;
  take(first, frame);
  // What could be read is written in one way, and read again.
  if (first.frames() == 0) return 0;
  archive::transcript written, again;
  again.take(*written.append(first.now()));
  fuzz::must(again.now() == first.now());
  return 0;
}

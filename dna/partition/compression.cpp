#include "dna/partition/compression.hpp"

#include <stdexcept>

#include <zstd.h>

namespace chromatin::dna {

byte_string compress(std::span<const std::uint8_t> content) {
  // A nucleotide costs more than any time a processor takes.
  constexpr int level = 19;
  byte_string frame(ZSTD_compressBound(content.size()));
  const auto size = ZSTD_compress(frame.data(), frame.size(), content.data(), content.size(), level);
  if (ZSTD_isError(size) != 0) throw std::runtime_error{ZSTD_getErrorName(size)};
  frame.resize(size);
  return frame;
}

std::optional<byte_string> decompress(std::span<const std::uint8_t> frame) {
  constexpr std::uint64_t most = std::uint64_t{1} << 30;
  const auto size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > most) return {};
  byte_string content(size);
  const auto made = ZSTD_decompress(content.data(), content.size(), frame.data(), frame.size());
  if (ZSTD_isError(made) != 0 || made != size) return {};
  return content;
}

}  // namespace chromatin::dna

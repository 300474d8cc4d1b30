#include "archive/transcript.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <memory>
#include <new>

#include <fmt/format.h>
#include <zstd.h>

#include "kv/check.hpp"

namespace chromatin::archive {
namespace {

constexpr std::uint64_t format = 1;
/// A nucleotide costs more than any time a processor takes.
constexpr int compression_level = 19;
constexpr int window_log_min = 10;  // zstd's own
/// Part of the format: both sides take as much of the records before.
constexpr std::size_t dictionary_bytes_max = std::size_t{1} << 23;

std::size_t checked(std::size_t result) {
  if (ZSTD_isError(result) != 0) throw frame_error{fmt::format("zstd: {}", ZSTD_getErrorName(result))};
  return result;
}

byte_string compress(std::span<const std::uint8_t> record, std::span<const std::uint8_t> before) {
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context{ZSTD_createCCtx(), &ZSTD_freeCCtx};
  if (!context) throw std::bad_alloc{};
  const auto set = [&](ZSTD_cParameter which, int value) {
    checked(ZSTD_CCtx_setParameter(context.get(), which, value));
  };
  // Matches reach back over the dictionary's whole length.
  const auto reach = static_cast<int>(std::bit_width(record.size() + before.size()));
  set(ZSTD_c_compressionLevel, compression_level);
  set(ZSTD_c_windowLog, std::max(reach, window_log_min));
  set(ZSTD_c_checksumFlag, 1);  // tells another dictionary, too
  checked(ZSTD_CCtx_refPrefix(context.get(), before.data(), before.size()));
  byte_string frame(ZSTD_compressBound(record.size()));
  frame.resize(checked(ZSTD_compress2(context.get(), frame.data(), frame.size(), record.data(), record.size())));
  return frame;
}

byte_string decompress(std::span<const std::uint8_t> frame, std::span<const std::uint8_t> before) {
  const auto size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > transcript::record_bytes_max)
    throw frame_error{"it is no zstd frame of a size that can be"};
  if (checked(ZSTD_findFrameCompressedSize(frame.data(), frame.size())) != frame.size())
    throw frame_error{"there is something behind its end"};
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context{ZSTD_createDCtx(), &ZSTD_freeDCtx};
  if (!context) throw std::bad_alloc{};
  checked(ZSTD_DCtx_refPrefix(context.get(), before.data(), before.size()));
  byte_string record(size);
  const auto made = ZSTD_decompressDCtx(context.get(), record.data(), record.size(), frame.data(), frame.size());
  if (checked(made) != size) throw frame_error{"it is shorter than it says"};
  return record;
}

void write_message(field_writer& to, const io::stored_message& message) {
  to.text(message.role);
  to.text(message.content);
  to.number(message.tokens ? 1 : 0);
  if (message.tokens) to.tokens(*message.tokens);
}

io::stored_message read_message(field_reader& from) {
  io::stored_message message;
  message.role = from.text();
  message.content = from.text();
  const auto known = from.number();
  if (known > 1) throw frame_error{"it has a message whose tokens are neither known nor unknown"};
  if (known == 1) message.tokens = from.tokens();
  return message;
}

void write_window(field_writer& to, const kv::lineage& window) {
  to.hash(window.root);
  to.number(window.keep);
  to.number(window.settled);
  to.number(window.kept_tokens);
  to.number(window.kept.size());
  for (auto key : window.kept) to.hash(key);
  to.number(window.cuts.size());
  for (const auto& cut : window.cuts) {
    to.number(cut.first_chunk);
    to.number(cut.at_tokens);
    to.tokens(cut.dropped);
  }
  to.tokens(window.tokens);
}

/// What the registry asks of a window that it loads.
bool can_be(const kv::lineage& window) {
  return std::max(window.settled, window.kept_tokens) <= window.tokens.size() &&
         window.kept.size() == kv::chunks_for(window.kept_tokens);
}

kv::lineage read_window(field_reader& from) {
  kv::lineage window;
  window.root = from.hash();
  window.keep = from.small();
  window.settled = from.small();
  window.kept_tokens = from.small();
  window.kept.resize(from.count(sizeof(kv::chunk_key)));
  for (auto& key : window.kept) key = from.hash();
  constexpr std::size_t cut_bytes_min = 3;
  window.cuts.resize(from.count(cut_bytes_min));
  for (auto& cut : window.cuts) {
    cut.first_chunk = from.small();
    cut.at_tokens = from.small();
    cut.dropped = from.tokens();
  }
  window.tokens = from.tokens();
  if (!can_be(window)) throw frame_error{"it has a window that cannot be: more of it is computed than there is"};
  return window;
}

}  // namespace

void transcript::remember(std::span<const std::uint8_t> record) {
  before_.insert(before_.end(), record.begin(), record.end());
  if (before_.size() > dictionary_bytes_max)
    before_.erase(before_.begin(), before_.end() - static_cast<std::ptrdiff_t>(dictionary_bytes_max));
  ++frames_;
}

void transcript::take(std::span<const std::uint8_t> frame) {
  const auto record = decompress(frame, before_);
  field_reader from{record};
  if (const auto found = from.number(); found != format)
    throw frame_error{fmt::format("its format is {}, this chromatin knows {}", found, format)};
  const auto shared = from.number();
  if (shared > now_.messages.size())
    throw frame_error{
        fmt::format("it goes on after {} messages, the frames before it have {}", shared, now_.messages.size())};
  constexpr std::size_t message_bytes_min = 3;
  std::vector<io::stored_message> more(from.count(message_bytes_min));
  for (auto& message : more) message = read_message(from);
  auto window = read_window(from);
  from.end();
  now_.messages.resize(shared);
  std::ranges::move(more, std::back_inserter(now_.messages));
  now_.window = std::move(window);
  remember(record);
}

std::optional<byte_string> transcript::append(const archived_conversation& next) {
  if (frames_ > 0 && next == now_) return {};
  CHROMATIN_CHECK(can_be(next.window), "a window is computed at most as far as it goes");
  const auto begin = std::ranges::mismatch(now_.messages, next.messages).in2;
  field_writer to;
  to.number(format);
  to.number(static_cast<std::uint64_t>(begin - next.messages.begin()));
  to.number(static_cast<std::uint64_t>(next.messages.end() - begin));
  for (auto message = begin; message != next.messages.end(); ++message) write_message(to, *message);
  write_window(to, next.window);
  if (to.bytes.size() > record_bytes_max)
    throw frame_error{fmt::format("{} bytes are new in this conversation, a frame has room for {}", to.bytes.size(),
                                  record_bytes_max)};
  auto frame = compress(to.bytes, before_);
  now_ = next;
  remember(to.bytes);
  return frame;
}

}  // namespace chromatin::archive

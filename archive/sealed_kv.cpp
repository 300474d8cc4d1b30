#include "archive/sealed_kv.hpp"

#include <algorithm>

#include "dna/partition/compression.hpp"
#include "kv/check.hpp"

namespace chromatin::archive {
namespace {

constexpr std::uint64_t kv_format = 1;
constexpr const char* kv_name = "kv";
constexpr std::size_t checksum_bytes_min = 16;

std::span<const std::byte> slice_in(const std::string& bytes, const kv::slice_place& place) {
  return std::as_bytes(std::span{bytes}).subspan(place.offset_bytes, place.bytes);
}

}  // namespace

sealed_kv::sealed_kv(const io::archive_key& key, const io::conversation_key& conversation)
    : key_{key, conversation, kv_name}, file_{empty_frame_file()} {}

sealed_kv::sealed_kv(const io::archive_key& key, const io::conversation_key& conversation,
                     std::span<const std::uint8_t> file)
    : key_{key, conversation, kv_name}, file_{file.begin(), file.end()} {
  damage_ = open_frames(key_, file_, [this](const byte_string& frame) { read(frame); });
}

void sealed_kv::read(std::span<const std::uint8_t> frame) {
  const auto content = dna::decompress(frame);
  if (!content) throw frame_error{"it is no zstd frame"};
  field_reader from{*content};
  if (from.number() != kv_format) throw frame_error{"this chromatin does not know its format"};
  record one{.model = from.hash()};
  const auto key = from.hash();
  one.fill = from.small();
  one.depth = from.small();
  for (auto layers = from.count(checksum_bytes_min); layers > 0; --layers) one.checksums.push_back(from.hash().low);
  one.bytes = from.text();
  from.end();
  records_.insert_or_assign(key, std::move(one));
  ++frames_;
}

byte_string sealed_kv::frame_of(const kv::chunk_key& key, const record& one) {
  field_writer to;
  to.number(kv_format);
  to.hash(one.model);
  to.hash(key);
  to.number(one.fill);
  to.number(one.depth);
  to.number(one.checksums.size());
  for (auto sum : one.checksums) to.hash({0, sum});
  to.text(one.bytes);
  return dna::compress(to.bytes);
}

std::size_t sealed_kv::append(std::span<const kv_chunk> chunks, const served_cache& of) {
  CHROMATIN_CHECK(!damage_, "chunks are added only where a file was read to its end");
  const auto before = frames_;
  for (const auto& one : chunks) {
    if (records_.contains(one.link.key)) continue;
    const auto bytes = one.page.bytes().first(of.geometry.packed_bytes(one.link.fill));
    record added{of.model, one.link.fill, one.depth, *one.checksums,
                 std::string{reinterpret_cast<const char*>(bytes.data()), bytes.size()}};
    ++frames_;
    append_frame(file_, frames_, key_.seal(frames_, frame_of(one.link.key, added)));
    records_.insert_or_assign(one.link.key, std::move(added));
  }
  return frames_ - before;
}

taken_kv sealed_kv::take(std::span<const kv::link> wanted, const served_cache& into) const {
  const auto& shape = into.geometry;
  const auto is_whole = [&](const record& one) {
    if (one.checksums.size() != shape.layers || one.bytes.size() != shape.packed_bytes(one.fill)) return false;
    for (std::uint32_t layer = 0; layer < shape.layers; ++layer)
      if (kv::checksum(slice_in(one.bytes, shape.packed(layer, one.fill))) != one.checksums[layer]) return false;
    return true;
  };
  taken_kv all;
  std::shared_ptr<kv::page_arena> arena;
  for (const auto& link : wanted) {
    const auto found = records_.find(link.key);
    if (found == records_.end() || found->second.fill != link.fill) {
      ++all.absent;
    } else if (const auto& one = found->second; one.model != into.model) {
      ++all.of_others;
    } else if (!is_whole(one)) {
      ++all.not_as_kept;
    } else {
      if (!arena)
        arena = kv::page_arena::make(kv::plain_memory(wanted.size() * shape.chunk_bytes()), shape.chunk_bytes());
      auto page = arena->try_allocate();
      std::ranges::copy(std::as_bytes(std::span{one.bytes}), page.writable().begin());
      all.chunks.push_back(
          {link, one.depth, std::make_shared<const std::vector<std::uint64_t>>(one.checksums), std::move(page)});
    }
  }
  return all;
}

}  // namespace chromatin::archive

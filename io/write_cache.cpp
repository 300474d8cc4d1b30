#include "io/write_cache.hpp"

#include <algorithm>
#include <cstring>

#include "kv/check.hpp"

namespace chromatin::io {

void write_cache::put(std::uint64_t offset_bytes, std::span<const std::byte> bytes) {
  CHROMATIN_CHECK(offset_bytes % sector_bytes_ == 0 && bytes.size() % sector_bytes_ == 0, "whole sectors are written");
  for (auto number = offset_bytes / sector_bytes_; !bytes.empty(); ++number, bytes = bytes.subspan(sector_bytes_))
    sectors_[number] = std::make_shared<const std::vector<std::byte>>(
        bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(sector_bytes_));
}

write_cache::sectors write_cache::within(std::uint64_t offset_bytes, std::size_t bytes) const {
  return {sectors_.lower_bound(offset_bytes / sector_bytes_),
          sectors_.lower_bound((offset_bytes + bytes + sector_bytes_ - 1) / sector_bytes_)};
}

void write_cache::lay_over(const sectors& newer, std::uint64_t offset_bytes, std::span<std::byte> read) const {
  for (const auto& [number, data] : newer) {
    auto begin = std::max(number * sector_bytes_, offset_bytes);
    auto end = std::min((number + 1) * sector_bytes_, offset_bytes + read.size());
    if (begin < end)
      std::memcpy(read.data() + (begin - offset_bytes), data->data() + begin % sector_bytes_, end - begin);
  }
}

void write_cache::synced(const sectors& written) {
  for (const auto& [number, data] : written)
    if (auto found = sectors_.find(number); found != sectors_.end() && found->second == data) sectors_.erase(found);
}

std::vector<write_cache::piece> write_cache::pieces(const sectors& of) const {
  std::vector<piece> all;
  for (const auto& [number, data] : of) {
    auto offset = number * sector_bytes_;
    if (all.empty() || all.back().offset_bytes + all.back().bytes.size() != offset) all.push_back({offset, {}});
    all.back().bytes.insert(all.back().bytes.end(), data->begin(), data->end());
  }
  return all;
}

}  // namespace chromatin::io

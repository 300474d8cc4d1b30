#include "model/weights.hpp"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/load_error.hpp"
#include "model/safetensors.hpp"
#include "model/shards.hpp"

namespace chromatin::model {
namespace {

float f16_to_f32(std::uint16_t h) {
  std::uint32_t sign = (h & 0x8000u) << 16, exponent = (h >> 10) & 31u, fraction = h & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  float subnormal = static_cast<float>(fraction) * 0x1p-24f;
  return sign ? -subnormal : subnormal;
}

/// A part of the model that we would leave out: a bias or a norm, say, that the config does not speak of. Buffers and
/// tensors beside the model (layers beyond the config's, a head for rewards) change nothing.
void refuse_unused(const std::string& name, const tensor& t, const config& c, const std::string& where) {
  if (t.type == element::other || (!name.ends_with(".weight") && !name.ends_with(".bias"))) return;
  if (c.tied_embeddings && name == "lm_head.weight") return;
  constexpr std::string_view layers = "model.layers.";
  bool in_layer = name.starts_with(layers);
  if (!in_layer && !name.starts_with("model.norm.") && !name.starts_with("lm_head.")) return;
  if (in_layer && std::strtoul(name.c_str() + layers.size(), nullptr, 10) >= c.layers) return;
  throw load_error(fmt::format(
      "{}: tensor {} belongs to the model but not to what config.json describes; it would be left out", where, name));
}

}  // namespace

std::size_t tensor::size() const {
  std::size_t product = 1;
  for (auto dimension : shape) product *= dimension;
  return product;
}

void to_f32(const tensor& t, std::span<float> out) {
  if (t.type == element::f32) {
    std::memcpy(out.data(), t.bytes.data(), t.bytes.size());
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t half;
    std::memcpy(&half, t.bytes.data() + 2 * i, sizeof half);
    out[i] = t.type == element::bf16 ? std::bit_cast<float>(std::uint32_t{half} << 16) : f16_to_f32(half);
  }
}

mapped_file::mapped_file(const std::filesystem::path& file) {
  int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw load_error(fmt::format("{}: {}", file.string(), std::strerror(errno)));
  struct stat status {};
  ::fstat(fd, &status);
  size_ = static_cast<std::size_t>(status.st_size);
  void* data = size_ == 0 ? nullptr : ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
  int error = errno;
  ::close(fd);
  if (data == MAP_FAILED)
    throw load_error(fmt::format("{}: cannot be mapped: {}", file.string(), std::strerror(error)));
  data_ = static_cast<std::byte*>(data);
}

mapped_file::~mapped_file() {
  if (data_) ::munmap(data_, size_);
}

mapped_file::mapped_file(mapped_file&& other) noexcept
    : data_{std::exchange(other.data_, nullptr)}, size_{std::exchange(other.size_, 0)} {}

void mapped_file::release_pages() const {
  if (data_) ::madvise(data_, size_, MADV_DONTNEED);
}

weights weights::open(const std::filesystem::path& folder, const config& c) {
  auto index = read_shard_index(folder);
  weights w;
  std::vector<shard_tensors> shards;
  for (const auto& file : index.files) {
    w.files_.emplace_back(file);
    shards.push_back(parse_safetensors(w.files_.back().bytes(), file.string()));
  }
  for (const auto& [name, shape] : expected_tensors(c)) {
    const auto& found = index.find(name, shards);
    if (found.type == element::other)
      throw load_error(fmt::format("{}: tensor {}: element type {} is not known; known: BF16, F16, F32",
                                   folder.string(), name, found.type_name));
    if (found.shape != shape)
      throw load_error(fmt::format("{}: tensor {} has shape [{}], the config asks for [{}]", folder.string(), name,
                                   fmt::join(found.shape, ", "), fmt::join(shape, ", ")));
    w.tensors_.emplace(name, found);
  }
  for (std::size_t i = 0; i < shards.size(); ++i) {
    for (const auto& [name, t] : shards[i])
      if (auto used = w.tensors_.find(name); used == w.tensors_.end())
        refuse_unused(name, t, c, index.files[i].string());
      else if (used->second.bytes.data() != t.bytes.data())
        w.choice_ = index.hash;  // which one of several is used is part of the content
  }
  for (auto& shard : shards) w.tensors_.merge(shard);
  return w;
}

weights weights::of(std::map<std::string, tensor, std::less<>> tensors, std::shared_ptr<const void> memory) {
  weights w;
  w.tensors_ = std::move(tensors);
  w.memory_ = std::move(memory);
  return w;
}

const tensor& weights::at(std::string_view name) const {
  auto found = tensors_.find(name);
  if (found == tensors_.end()) throw load_error(fmt::format("tensor {} is missing", name));
  return found->second;
}

kv::hash128 weights::hash() const {
  auto h = choice_;
  constexpr std::size_t piece_bytes = std::size_t{64} << 20;
  for (const auto& file : files_)
    for (auto rest = file.bytes(); !rest.empty();) {
      auto piece = rest.first(std::min(rest.size(), piece_bytes));
      h = kv::hash(piece, h);
      file.release_pages();  // so that the file is never in memory as a whole
      rest = rest.subspan(piece.size());
    }
  return h;
}

void weights::release_pages() const {
  for (const auto& file : files_) file.release_pages();
}

}  // namespace chromatin::model

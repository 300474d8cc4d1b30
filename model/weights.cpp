#include "model/weights.hpp"

#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/block_quants.hpp"
#include "model/half.hpp"
#include "model/load_error.hpp"
#include "model/safetensors.hpp"
#include "model/shards.hpp"

namespace chromatin::model {
namespace {

constexpr std::string_view safetensors_types = "BF16, F16, F32",
                           gguf_types = "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K, IQ4_NL";

void check(const tensor& found, const expected_tensor& expected, const std::string& where, std::string_view types) {
  if (found.type == element::other)
    throw tensor_error(where, expected.name,
                       fmt::format(": element type {} is not known; known: {}", found.type_name, types));
  if (found.shape != expected.shape)
    throw tensor_error(where, expected.name,
                       fmt::format(" has shape [{}], the config asks for [{}]", fmt::join(found.shape, ", "),
                                   fmt::join(expected.shape, ", ")));
}

/// For each head: the first rows of all pairs, then the second ones. Rows are moved as they are, whatever their type.
void halves_first(const tensor& from, std::uint32_t heads, std::span<std::byte> to) {
  auto rows = from.shape[0], row_bytes = from.bytes.size() / rows, per_head = rows / heads;
  for (std::uint64_t r = 0; r < rows; ++r) {
    auto head = r / per_head, in_head = r % per_head;
    auto source = head * per_head + (in_head < per_head / 2 ? 2 * in_head : 2 * (in_head - per_head / 2) + 1);
    std::memcpy(to.data() + r * row_bytes, from.bytes.data() + source * row_bytes, row_bytes);
  }
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
  throw tensor_error(where, name, " belongs to the model but not to what config.json describes; it would be left out");
}

/// Tells the kernel that the pages, which begin at one, are not needed now; they come back from the file when touched.
void give_back(std::span<const std::byte> mapped) {
  if (!mapped.empty()) ::madvise(const_cast<std::byte*>(mapped.data()), mapped.size(), MADV_DONTNEED);
}

}  // namespace

std::size_t tensor::size() const {
  std::size_t product = 1;
  for (auto dimension : shape) product *= dimension;
  return product;
}

tensor tensor::row(std::uint64_t number) const {
  auto stride = row_bytes(type, shape.at(1));
  return {{shape[1]}, type, bytes.subspan(number * stride, stride), type_name};
}

void to_f32(const tensor& t, std::span<float> out) {
  if (is_quantised(t.type)) return blocks_to_f32(t.type, t.bytes, out);
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
  // Without waiting: what is no file, as a pipe that nobody writes to, is refused.
  int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) throw load_error(fmt::format("{}: {}", file.string(), std::strerror(errno)));
  struct stat status {};
  ::fstat(fd, &status);
  if (!S_ISREG(status.st_mode)) {
    ::close(fd);
    throw load_error(fmt::format("{}: is not a file with data", file.string()));
  }
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

void mapped_file::release_pages() const { give_back(bytes()); }

/// Copies of tensors whose rows have another order in the file.
struct weights::ordered_rows {
  std::map<std::string, std::uint32_t, std::less<>> heads_of;

  const tensor& at(const std::string& name, const tensor& in_file) {
    std::lock_guard lock{mutex_};
    auto& [bytes, copy] = copies_[name];
    if (bytes.empty()) {
      bytes.resize(in_file.bytes.size());
      halves_first(in_file, heads_of.find(name)->second, bytes);
      copy = in_file;
      copy.bytes = bytes;
    }
    return copy;
  }
  void drop() {
    std::lock_guard lock{mutex_};
    copies_.clear();
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::pair<std::vector<std::byte>, tensor>, std::less<>> copies_;
};

weights weights::open(const std::filesystem::path& folder, const config& c) {
  auto index = read_shard_index(folder);
  weights w;
  std::vector<shard_tensors> shards;
  for (const auto& file : index.files) {
    w.files_.emplace_back(file);
    shards.push_back(parse_safetensors(w.files_.back().bytes(), file.string()));
  }
  for (const auto& expected : expected_tensors(c)) {
    const auto& found = index.find(expected.name, shards);
    check(found, expected, folder.string(), safetensors_types);
    w.tensors_.emplace(expected.name, found);
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

weights weights::of_files(std::vector<mapped_file> files, std::map<std::string, tensor, std::less<>> tensors,
                          std::map<std::string, std::uint32_t, std::less<>> paired_rows, const config& c,
                          const std::string& where) {
  weights w;
  w.files_ = std::move(files);
  w.tensors_ = std::move(tensors);
  std::set<std::string, std::less<>> used;
  for (const auto& expected : expected_tensors(c)) {
    auto found = w.tensors_.find(expected.name);
    if (found == w.tensors_.end()) throw tensor_error(where, expected.name, " is missing");
    check(found->second, expected, where, gguf_types);
    used.insert(expected.name);
  }
  for (const auto& [name, t] : w.tensors_)
    if (!used.contains(name)) refuse_unused(name, t, c, where);
  std::erase_if(paired_rows, [&](const auto& row) { return !used.contains(row.first); });
  w.ordered_ = std::make_shared<ordered_rows>();
  w.ordered_->heads_of = std::move(paired_rows);
  return w;
}

weights weights::of(std::map<std::string, tensor, std::less<>> tensors, std::shared_ptr<const void> memory) {
  weights w;
  w.tensors_ = std::move(tensors);
  w.memory_ = std::move(memory);
  return w;
}

const tensor& weights::at(std::string_view name) const {
  const auto& stored = as_stored(name);
  if (!ordered_ || !ordered_->heads_of.contains(name)) return stored;
  return ordered_->at(std::string{name}, stored);
}

const tensor& weights::as_stored(std::string_view name) const {
  auto found = tensors_.find(name);
  if (found == tensors_.end()) throw load_error(fmt::format("tensor {} is missing", name));
  return found->second;
}

/// Of pieces, which all cores read side by side: a server is ready sooner, and the file is never in memory as a whole.
kv::hash128 weights::hash() const {
  constexpr std::size_t piece_bytes = std::size_t{16} << 20;
  std::vector<std::span<const std::byte>> pieces;
  for (const auto& file : files_)
    for (auto rest = file.bytes(); !rest.empty(); rest = rest.subspan(pieces.back().size()))
      pieces.push_back(rest.first(std::min(rest.size(), piece_bytes)));
  std::vector<kv::hash128> hashes(pieces.size());
  std::atomic<std::size_t> next = 0;
  auto work = [&] {
    for (std::size_t i; (i = next++) < pieces.size(); give_back(pieces[i])) hashes[i] = kv::hash(pieces[i]);
  };
  {
    std::vector<std::jthread> others;
    for (auto n = std::thread::hardware_concurrency(); n > 1 && others.size() + 1 < pieces.size(); --n)
      others.emplace_back(work);
    work();
  }
  return kv::hash(std::as_bytes(std::span{hashes}), choice_);
}

void weights::release_pages() const {
  if (ordered_) ordered_->drop();
  for (const auto& file : files_) file.release_pages();
}

}  // namespace chromatin::model

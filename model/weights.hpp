#pragma once

/// The tensors of a checkpoint's files, mapped.

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.hpp"
#include "model/element.hpp"

namespace chromatin::model {

/// A view of one tensor, row-major; valid as long as the `weights` it came from. Rows of quantised elements are whole
/// blocks.
struct tensor {
  std::vector<std::uint64_t> shape;
  element type = element::bf16;
  std::span<const std::byte> bytes;
  std::string type_name;  ///< as the file has it

  std::size_t size() const;                ///< elements
  tensor row(std::uint64_t number) const;  ///< of a tensor of two dimensions
};

/// Elements as float32. `out` has `t.size()` elements.
void to_f32(const tensor& t, std::span<float> out);

/// A file mapped for reading.
class mapped_file {
 public:
  /// Throws load_error.
  explicit mapped_file(const std::filesystem::path& file);
  ~mapped_file();
  mapped_file(mapped_file&& other) noexcept;
  mapped_file& operator=(mapped_file&&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// Tells the kernel that the pages are not needed now; they come back from the file when touched.
  void release_pages() const;

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// All tensors of a checkpoint. Immutable; any thread.
class weights {
 public:
  /// Maps `model.safetensors`, or the shards that `model.safetensors.index.json` names, and checks that every tensor
  /// the config asks for is there with its shape, in the shard that the index names. Throws load_error naming file and
  /// tensor, also for a tensor of the model's that the config does not ask for.
  static weights open(const std::filesystem::path& folder, const config& c);
  /// The tensors of a GGUF file, by their Hugging Face names, which `files` keep mapped. Checked as by `open`. Those in
  /// `paired_rows` have, for each of so many heads, the two rows that rotate together side by side; `at` gives them as
  /// Hugging Face has them: the first row of each pair, then the second ones.
  static weights of_files(std::vector<mapped_file> files, std::map<std::string, tensor, std::less<>> tensors,
                          std::map<std::string, std::uint32_t, std::less<>> paired_rows, const config& c,
                          const std::string& where);
  /// Tensors in memory that they keep alive, unchecked; their hash is that of nothing. For measuring.
  static weights of(std::map<std::string, tensor, std::less<>> tensors, std::shared_ptr<const void> memory);

  /// A tensor that the config asks for; throws load_error for another name. Where the file has its rows in another
  /// order it is a copy, valid until release_pages.
  const tensor& at(std::string_view name) const;
  /// The same in the order of the file.
  const tensor& as_stored(std::string_view name) const;
  kv::hash128 hash() const;  ///< of all file bytes, and of the index where several files have one tensor
  /// What was read is not needed in memory now.
  void release_pages() const;

 private:
  struct ordered_rows;

  std::vector<mapped_file> files_;
  std::shared_ptr<const void> memory_;
  std::map<std::string, tensor, std::less<>> tensors_;
  kv::hash128 choice_;  // of the index, where it decides between shards
  std::shared_ptr<ordered_rows> ordered_;
};

/// A tensor name and shape; the list of what a model of this config has to have.
struct expected_tensor {
  std::string name;
  std::vector<std::uint64_t> shape;
};
std::vector<expected_tensor> expected_tensors(const config& c);

}  // namespace chromatin::model

#pragma once

/// Writes GGUF files, right and wrong ones.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chromatin::test {

/// Numbers of the format.
enum class gguf_type : std::uint32_t { f32 = 0, f16 = 1, q8_0 = 8, bf16 = 30 };

class gguf_writer {
 public:
  gguf_writer& text(std::string_view key, std::string_view value) {
    begin(key, 8);
    put_text(values_, value);
    return *this;
  }
  gguf_writer& number(std::string_view key, std::uint32_t value) { return one(key, 4, value); }
  gguf_writer& short_number(std::string_view key, std::uint16_t value) { return one(key, 2, value); }
  gguf_writer& real(std::string_view key, float value) { return one(key, 6, value); }
  gguf_writer& flag(std::string_view key, bool value) { return one(key, 7, static_cast<std::uint8_t>(value)); }
  gguf_writer& texts(std::string_view key, const std::vector<std::string>& all) {
    begin_list(key, 8, all.size());
    for (const auto& value : all) put_text(values_, value);
    return *this;
  }
  gguf_writer& numbers(std::string_view key, const std::vector<std::int32_t>& all) { return list(key, 5, all); }
  gguf_writer& reals(std::string_view key, const std::vector<float>& all) { return list(key, 6, all); }
  /// `type` and `bytes` as they are.
  gguf_writer& raw(std::string_view key, std::uint32_t type, std::string_view bytes) {
    begin(key, type);
    values_ += bytes;
    return *this;
  }

  /// `shape` as Hugging Face has it: the last dimension's elements lie side by side.
  gguf_writer& tensor(std::string_view name, const std::vector<std::uint64_t>& shape, gguf_type type,
                      std::string_view bytes) {
    data_.resize((data_.size() + alignment - 1) / alignment * alignment);
    row(name, shape, static_cast<std::uint32_t>(type), data_.size());
    data_ += bytes;
    return *this;
  }
  /// A row of the table alone.
  gguf_writer& row(std::string_view name, const std::vector<std::uint64_t>& shape, std::uint32_t type,
                   std::uint64_t offset) {
    put_text(table_, name);
    put(table_, static_cast<std::uint32_t>(shape.size()));
    for (auto at = shape.rbegin(); at != shape.rend(); ++at) put(table_, *at);
    put(table_, type);
    put(table_, offset);
    ++tensors_;
    return *this;
  }

  /// All but the tensors' bytes.
  std::string head(std::uint32_t version = 3) const {
    std::string file = "GGUF";
    put(file, version);
    put(file, tensors_);
    put(file, keys_);
    return file + values_ + table_;
  }
  std::string file() const {
    auto all = head();
    all.resize((all.size() + alignment - 1) / alignment * alignment);
    return all + data_;
  }

  template <class T>
  static void put(std::string& to, T value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof value);
  }

 private:
  static constexpr std::size_t alignment = 32;

  static void put_text(std::string& to, std::string_view text) {
    put(to, std::uint64_t{text.size()});
    to += text;
  }
  void begin(std::string_view key, std::uint32_t type) {
    put_text(values_, key);
    put(values_, type);
    ++keys_;
  }
  void begin_list(std::string_view key, std::uint32_t type, std::uint64_t count) {
    begin(key, 9);
    put(values_, type);
    put(values_, count);
  }
  template <class T>
  gguf_writer& one(std::string_view key, std::uint32_t type, T value) {
    begin(key, type);
    put(values_, value);
    return *this;
  }
  template <class T>
  gguf_writer& list(std::string_view key, std::uint32_t type, const std::vector<T>& all) {
    begin_list(key, type, all.size());
    for (auto value : all) put(values_, value);
    return *this;
  }

  std::string values_, table_, data_;
  std::uint64_t keys_ = 0, tensors_ = 0;
};

}  // namespace chromatin::test

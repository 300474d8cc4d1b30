#include "model/gguf/file.hpp"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "model/gguf/cursor.hpp"
#include "model/gguf/tensor_types.hpp"

namespace chromatin::model::gguf {
namespace {

constexpr std::uint32_t version_min = 2, version_max = 3;
constexpr std::uint64_t keys_max = 1u << 16, tensors_max = 1u << 16, name_bytes_max = 1024,
                        text_bytes_max = std::uint64_t{1} << 32;
constexpr std::uint32_t alignment_default = 32, alignment_max = 1u << 16, dimensions_max = 4;
/// The least that a key with its value, and a row of the table of tensors, take.
constexpr std::uint64_t key_bytes_min = 8 + 4 + 1, tensor_bytes_min = 8 + 4 + 8 + 4 + 8;

struct header {
  std::uint64_t tensors, keys;
};

header read_header(cursor& in) {
  if (auto mark = in.take(4, "the mark GGUF"); std::memcmp(mark.data(), "GGUF", 4) != 0)
    in.refuse("not a GGUF file: it does not begin with that mark");
  auto version = in.number<std::uint32_t>("the version");
  if (version != 0 && (version & 0xffffu) == 0)
    in.refuse("a big-endian GGUF file; convert the model for a little-endian machine");
  if (version < version_min || version > version_max)
    in.refuse(fmt::format("version {} of GGUF is not supported; supported: 2, 3", version));
  auto tensors = in.count(tensor_bytes_min, tensors_max, "the number of tensors");
  auto keys = in.count(key_bytes_min, keys_max, "the number of keys");
  return {tensors, keys};
}

/// Names go into errors: one line, whatever the file says.
std::string_view read_name(cursor& in, std::string_view what) {
  auto name = in.text(name_bytes_max, what);
  bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!plain) in.refuse(fmt::format("{} is not a name in plain ASCII", what));
  return name;
}

/// Finds the end of the elements, each checked as far as its length goes.
std::span<const std::byte> skip(cursor& in, value_type type, std::uint64_t count, const std::string& what) {
  if (auto size = element_bytes(type); size > 0) return in.take(size * count, what);
  auto begin = in.place();
  for (std::uint64_t i = 0; i < count; ++i) in.text(text_bytes_max, what);
  return in.since(begin);
}

value read_value(cursor& in, const std::string& what) {
  value v;
  v.type = static_cast<value_type>(in.number<std::uint32_t>(what));
  v.list = v.type == value_type::array;
  if (v.list) v.type = static_cast<value_type>(in.number<std::uint32_t>(what));
  auto size = element_bytes(v.type);
  if (size == 0 && v.type != value_type::text)
    in.refuse(fmt::format("{} has the {} {}, which is not supported", what, v.list ? "list's element type" : "type",
                          static_cast<std::uint32_t>(v.type)));
  if (v.list)
    v.count = in.count(size > 0 ? size : sizeof(std::uint64_t), in.left(), fmt::format("the length of {}", what));
  v.bytes = skip(in, v.type, v.count, what);
  return v;
}

void read_values(cursor& in, std::uint64_t count, metadata& values) {
  for (std::uint64_t i = 0; i < count; ++i) {
    auto key = read_name(in, fmt::format("the name of key {} of {}", i + 1, count));
    if (!values.add(key, read_value(in, fmt::format("\"{}\"", key))))
      in.refuse(fmt::format("the key \"{}\" is there twice", key));
  }
}

/// A row of the table: the tensor without its bytes, and where these are.
struct row {
  std::string_view name;
  tensor t;
  std::uint64_t offset = 0, bytes = 0;
};

row read_row(cursor& in, std::uint64_t number, std::uint64_t count) {
  row r;
  r.name = read_name(in, fmt::format("the name of tensor {} of {}", number, count));
  auto what = fmt::format("tensor {}", r.name);
  auto dimensions = in.number<std::uint32_t>(what);
  if (dimensions == 0 || dimensions > dimensions_max)
    in.refuse(fmt::format("{} has {} dimensions; from 1 to {} are allowed", what, dimensions, dimensions_max));
  std::uint64_t elements = 1;
  constexpr auto elements_max = std::uint64_t{1} << 48;
  for (std::uint32_t d = 0; d < dimensions; ++d) {
    auto size = in.number<std::uint64_t>(what);
    if (size == 0 || size > elements_max / elements)
      in.refuse(fmt::format("{} has a dimension of {}, which cannot be", what, size));
    elements *= size;
    r.t.shape.insert(r.t.shape.begin(), size);
  }
  auto number_of_type = in.number<std::uint32_t>(what);
  const auto* type = find_tensor_type(number_of_type);
  if (!type) in.refuse(fmt::format("{} has the element type {}, which is not known", what, number_of_type));
  if (r.t.shape.back() % type->block != 0)
    in.refuse(fmt::format("{} has rows of {} elements; of {} they must be a multiple of {}", what, r.t.shape.back(),
                          type->name, type->block));
  r.t.type = type->type;
  r.t.type_name = type->name;
  r.bytes = elements / type->block * type->block_bytes;
  r.offset = in.number<std::uint64_t>(what);
  return r;
}

std::uint32_t read_alignment(const metadata& values) {
  constexpr auto key = "general.alignment";
  auto alignment = values.number(key, 1, alignment_max, alignment_default);
  if (!std::has_single_bit(alignment) || alignment < sizeof(std::uint64_t))
    values.refuse(key, fmt::format("must be a power of two from 8 to {}", alignment_max));
  return alignment;
}

void check_overlap(std::vector<row>& rows, const cursor& in) {
  std::sort(rows.begin(), rows.end(), [](const row& a, const row& b) { return a.offset < b.offset; });
  for (std::size_t i = 1; i < rows.size(); ++i)
    if (rows[i].offset < rows[i - 1].offset + rows[i - 1].bytes)
      in.refuse(fmt::format("tensors {} and {} overlap", rows[i - 1].name, rows[i].name));
}

}  // namespace

file parse(std::span<const std::byte> bytes, const std::string& where) {
  cursor in{bytes, where};
  auto [tensors, keys] = read_header(in);
  file result{.values = metadata{where}, .tensors = {}};
  read_values(in, keys, result.values);
  std::vector<row> rows;
  for (std::uint64_t i = 0; i < tensors; ++i) rows.push_back(read_row(in, i + 1, tensors));

  auto alignment = read_alignment(result.values);
  auto begin = (in.place() + alignment - 1) / alignment * alignment;
  auto data = bytes.subspan(std::min(begin, bytes.size()));
  for (auto& r : rows) {
    if (r.offset % alignment != 0)
      in.refuse(fmt::format("tensor {} begins at {}, not at a multiple of {}", r.name, r.offset, alignment));
    if (r.bytes > data.size() || r.offset > data.size() - r.bytes)
      in.refuse(
          fmt::format("tensor {} has {} bytes from {} on, outside the file's {} data bytes; is the download complete?",
                      r.name, r.bytes, r.offset, data.size()));
  }
  check_overlap(rows, in);
  for (auto& r : rows) {
    r.t.bytes = data.subspan(r.offset, r.bytes);
    if (!result.tensors.emplace(r.name, std::move(r.t)).second)
      in.refuse(fmt::format("tensor {} is there twice", r.name));
  }
  return result;
}

}  // namespace chromatin::model::gguf

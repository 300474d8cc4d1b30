#include "model/safetensors.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/load_error.hpp"

namespace chromatin::model {
namespace {

using nlohmann::json;
constexpr std::uint64_t header_bytes_max = 100u << 20;  // as the format's own reader has it

element parse_type(std::string_view name) {
  if (name == "BF16") return element::bf16;
  if (name == "F16") return element::f16;
  if (name == "F32") return element::f32;
  return element::other;
}

std::uint64_t unsigned_value(const json& value, const std::string& what) {
  if (!value.is_number_unsigned()) throw load_error(fmt::format("{}: sizes must be whole numbers", what));
  return value.get<std::uint64_t>();
}

tensor parse_tensor(const json& entry, std::span<const std::byte> data, const std::string& what) {
  if (!entry.is_object() || !entry.contains("shape") || !entry["shape"].is_array() || !entry.contains("data_offsets") ||
      !entry["data_offsets"].is_array() || entry["data_offsets"].size() != 2 ||
      !entry.value("dtype", json{}).is_string())
    throw load_error(fmt::format("{}: needs dtype, shape and two data_offsets", what));
  tensor t;
  t.type_name = entry["dtype"].get<std::string>();
  t.type = parse_type(t.type_name);
  std::uint64_t wanted = t.type == element::f32 ? 4 : t.type == element::other ? 1 : 2;
  for (const auto& dimension : entry["shape"]) {
    t.shape.push_back(unsigned_value(dimension, what));
    if (t.type != element::other && t.shape.back() != 0 && wanted > data.size() / t.shape.back())
      throw load_error(
          fmt::format("{}: its shape needs more bytes than the file has; is the download complete?", what));
    wanted *= t.shape.back();
  }
  auto begin = unsigned_value(entry["data_offsets"][0], what);
  auto end = unsigned_value(entry["data_offsets"][1], what);
  if (begin > end || end > data.size())
    throw load_error(fmt::format("{}: bytes {} to {} are outside the file's {} data bytes; is the download complete?",
                                 what, begin, end, data.size()));
  if (t.type != element::other && end - begin != wanted)
    throw load_error(fmt::format("{}: has {} bytes, its shape needs {}", what, end - begin, wanted));
  t.bytes = data.subspan(begin, end - begin);
  return t;
}

void check_overlap(const std::map<std::string, tensor, std::less<>>& tensors, const std::string& where) {
  std::vector<std::pair<std::span<const std::byte>, std::string>> spans;
  for (const auto& [name, t] : tensors) spans.emplace_back(t.bytes, name);
  std::sort(spans.begin(), spans.end(), [](const auto& a, const auto& b) {  // empty tensors first where others begin
    return std::pair{a.first.data(), a.first.size()} < std::pair{b.first.data(), b.first.size()};
  });
  for (std::size_t i = 1; i < spans.size(); ++i)
    if (spans[i].first.data() < spans[i - 1].first.data() + spans[i - 1].first.size())
      throw load_error(fmt::format("{}: tensors {} and {} overlap", where, spans[i - 1].second, spans[i].second));
}

}  // namespace

std::map<std::string, tensor, std::less<>> parse_safetensors(std::span<const std::byte> bytes,
                                                             const std::string& where) {
  std::uint64_t header_bytes = 0;
  if (bytes.size() < sizeof header_bytes) throw load_error(fmt::format("{}: too short for a safetensors file", where));
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  if (header_bytes > header_bytes_max || header_bytes > bytes.size() - sizeof header_bytes)
    throw load_error(
        fmt::format("{}: the header claims {} bytes, more than there are; is this a safetensors file, and complete?",
                    where, header_bytes));
  auto text = bytes.subspan(sizeof header_bytes, header_bytes);
  auto header = json::parse(reinterpret_cast<const char*>(text.data()),
                            reinterpret_cast<const char*>(text.data() + text.size()), nullptr, false);
  if (!header.is_object()) throw load_error(fmt::format("{}: the header is not a JSON object", where));
  auto data = bytes.subspan(sizeof header_bytes + header_bytes);
  std::map<std::string, tensor, std::less<>> tensors;
  for (const auto& [name, entry] : header.items())
    if (name != "__metadata__")
      tensors.emplace(name, parse_tensor(entry, data, fmt::format("{}: tensor {}", where, name)));
  check_overlap(tensors, where);
  return tensors;
}

}  // namespace chromatin::model

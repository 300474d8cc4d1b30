#include "model/random_checkpoint.hpp"

#include <algorithm>

#include "model/checkpoint_config.hpp"
#include "model/random_values.hpp"

namespace chromatin::model {
namespace {

/// A prime number: no two rows of a matrix begin with the same value of it.
constexpr std::size_t period = 4'194'301;
/// Between two tensors' first values.
constexpr std::size_t stride = 1024;

std::vector<std::uint16_t> repeating(std::size_t size, float mean, float deviation, std::uint64_t seed) {
  random_values random{seed};
  std::vector<std::uint16_t> values(size);
  auto first = std::min(size, period);
  std::generate_n(values.begin(), first, [&] { return to_bf16(mean + random.normal(deviation)); });
  for (auto at = first; at < size; at += period) std::copy_n(values.begin(), std::min(period, size - at), &values[at]);
  return values;
}

struct block {
  std::vector<std::uint16_t> norms, others;
};

std::size_t elements(const expected_tensor& t) {
  std::size_t product = 1;
  for (auto dimension : t.shape) product *= dimension;
  return product;
}

}  // namespace

std::shared_ptr<const checkpoint> random_checkpoint(const std::string& name, std::uint64_t seed,
                                                    std::uint32_t context) {
  const auto& shape = find_checkpoint_shape(name);
  auto config = shape.config;
  if (context > 0) config.context = context;
  auto expected = expected_tensors(config);
  std::size_t largest = 0;
  for (const auto& t : expected) largest = std::max(largest, elements(t));
  auto memory = std::make_shared<const block>(
      block{repeating(std::max(config.hidden, config.head_dim), mean_of_norms(config), shape.deviation, seed),
            repeating(largest + expected.size() * stride, 0, shape.deviation, seed + 1)});
  std::map<std::string, tensor, std::less<>> tensors;
  std::size_t place = 0;
  for (const auto& t : expected) {
    bool norm = t.name.ends_with("norm.weight");
    const auto* first = norm ? memory->norms.data() : memory->others.data() + stride * place++;
    tensors.emplace(t.name, tensor{t.shape, element::bf16, std::as_bytes(std::span{first, elements(t)}), "BF16"});
  }
  return std::make_shared<const checkpoint>(
      checkpoint{name, std::move(config), nullptr, chat_template::none(), weights::of(std::move(tensors), memory), {}});
}

}  // namespace chromatin::model

// A file of weights.

#include "model/safetensors.hpp"
#include "model/load_error.hpp"
#include "tests/fuzz/input.hpp"

using namespace chromatin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> copy(data, data + size);  // so that a byte too far is one outside of memory
  auto file = std::as_bytes(std::span{copy});
  try {
    for (const auto& [name, tensor] : model::parse_safetensors(file, "model.safetensors")) {
      unsigned sum = 0;
      for (auto b : tensor.bytes) sum += static_cast<unsigned>(b);
      fuzz::must(tensor.bytes.empty() || (tensor.bytes.data() >= file.data() &&
                                          tensor.bytes.data() + tensor.bytes.size() <= file.data() + file.size()));
      static volatile unsigned kept;
      kept = kept + sum;
    }
  } catch (const model::load_error&) {
  }
  return 0;
}

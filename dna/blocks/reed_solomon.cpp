#include "dna/blocks/reed_solomon.hpp"

#include <algorithm>
#include <stdexcept>

extern "C" {
#include <fec.h>
}

namespace chromatin::dna {
namespace {

constexpr std::uint32_t inner_length = 15;

}  // namespace

reed_solomon::reed_solomon(std::uint32_t data, std::uint32_t parity) : data_{data}, parity_{parity} {
  if (data < 1 || parity < 1 || parity > 8 || data + parity > inner_length)
    throw std::invalid_argument{"Reed-Solomon over GF(16) takes 15 molecules, at most 8 of them parity"};
  code_ = {init_rs_char(4, 0x13, 1, 1, static_cast<int>(parity), static_cast<int>(inner_length - data - parity)),
           free_rs_char};
  if (!code_) throw std::bad_alloc{};
  tables_.resize(data);
  for (std::uint32_t molecule = 0; molecule < data; ++molecule)
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      std::uint64_t sums = 0;
      for (const std::uint32_t shift : {0, 4}) {
        std::array<std::uint8_t, inner_length> symbols{};
        std::array<std::uint8_t, inner_length> checks{};
        symbols[molecule] = static_cast<std::uint8_t>(byte >> shift & 15);
        encode_rs_char(code_.get(), symbols.data(), checks.data());
        for (std::uint32_t i = 0; i < parity; ++i) sums |= std::uint64_t{checks[i]} << (8 * i + shift);
      }
      tables_[molecule][byte] = sums;
    }
}

void reed_solomon::add_parity(std::span<std::uint8_t> molecules, std::size_t bytes) const {
  if (molecules.size() != (data_ + parity_) * bytes) throw std::invalid_argument{"not all molecules of a block"};
  for (std::size_t i = 0; i < bytes; ++i) {
    std::uint64_t sums = 0;
    for (std::uint32_t molecule = 0; molecule < data_; ++molecule)
      sums ^= tables_[molecule][molecules[molecule * bytes + i]];
    for (std::uint32_t j = 0; j < parity_; ++j)
      molecules[(data_ + j) * bytes + i] = static_cast<std::uint8_t>(sums >> 8 * j);
  }
}

bool reed_solomon::fits(std::span<const std::uint8_t> codeword) const {
  std::uint64_t sums = 0;
  for (std::uint32_t molecule = 0; molecule < data_; ++molecule) sums ^= tables_[molecule][codeword[molecule]];
  for (std::uint32_t j = 0; j < parity_; ++j)
    if (codeword[data_ + j] != static_cast<std::uint8_t>(sums >> 8 * j)) return false;
  return true;
}

std::optional<std::uint32_t> reed_solomon::correct(std::span<std::uint8_t> codeword,
                                                   std::span<const std::uint32_t> erasures) const {
  if (codeword.size() != data_ + parity_) throw std::invalid_argument{"not a codeword"};
  if (erasures.size() > parity_) return {};
  if (fits(codeword)) return 0;
  // libfec counts from the start of the shortened codeword.
  std::array<int, inner_length> positions{};
  for (std::size_t i = 0; i < erasures.size(); ++i) positions[i] = static_cast<int>(erasures[i]);
  std::array<std::uint8_t, inner_length> symbols{};
  std::copy(codeword.begin(), codeword.end(), symbols.begin());
  const int changed = decode_rs_char(code_.get(), symbols.data(), positions.data(), static_cast<int>(erasures.size()));
  if (changed < 0) return {};
  std::copy_n(symbols.begin(), codeword.size(), codeword.begin());
  return static_cast<std::uint32_t>(changed);
}

}  // namespace chromatin::dna

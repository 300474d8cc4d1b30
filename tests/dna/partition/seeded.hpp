#pragma once

/// Tests that draw: they print their seed.

#include <cstdio>
#include <random>

#include <gtest/gtest.h>

#include "dna/blocks/block.hpp"

namespace chromatin::dna {

class seeded_test : public testing::Test {
 protected:
  seeded_test() { std::printf("seed %llu\n", static_cast<unsigned long long>(seed_)); }

  std::size_t below(std::size_t end) { return random_() % end; }
  byte_string random_bytes(std::size_t size) {
    byte_string bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_());
    return bytes;
  }

  const std::uint64_t seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
};

}  // namespace chromatin::dna

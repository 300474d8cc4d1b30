#include "io/tenant_salts.hpp"

#include <bit>
#include <fstream>
#include <random>
#include <sstream>

#include <fmt/format.h>

#include "io/device.hpp"

namespace chromatin::io {
namespace {

constexpr std::size_t secret_bytes_min = 16;
constexpr std::size_t block_bytes = 64;

constexpr std::array<std::uint32_t, 64> round_constants{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

using state = std::array<std::uint32_t, 8>;

void take_block(state& h, const char* block) {
  std::array<std::uint32_t, 64> w;
  for (std::size_t i = 0; i < 16; ++i) {
    w[i] = 0;
    for (std::size_t b = 0; b < 4; ++b) w[i] = w[i] << 8 | static_cast<std::uint8_t>(block[4 * i + b]);
  }
  for (std::size_t i = 16; i < 64; ++i) {
    auto s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
    auto s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  auto v = h;
  for (std::size_t i = 0; i < 64; ++i) {
    auto s1 = std::rotr(v[4], 6) ^ std::rotr(v[4], 11) ^ std::rotr(v[4], 25);
    auto choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
    auto first = v[7] + s1 + choice + round_constants[i] + w[i];
    auto s0 = std::rotr(v[0], 2) ^ std::rotr(v[0], 13) ^ std::rotr(v[0], 22);
    auto majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
    v = {first + s0 + majority, v[0], v[1], v[2], v[3] + first, v[4], v[5], v[6]};
  }
  for (std::size_t i = 0; i < 8; ++i) h[i] += v[i];
}

}  // namespace

std::array<std::uint8_t, 32> sha256(std::string_view bytes) {
  state h{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::string padded{bytes};
  padded += '\x80';
  while (padded.size() % block_bytes != block_bytes - 8) padded += '\0';
  for (int shift = 56; shift >= 0; shift -= 8)
    padded += static_cast<char>(static_cast<std::uint64_t>(bytes.size()) * 8 >> shift & 0xff);
  for (std::size_t at = 0; at < padded.size(); at += block_bytes) take_block(h, padded.data() + at);
  std::array<std::uint8_t, 32> digest;
  for (std::size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<std::uint8_t>(h[i / 4] >> (24 - 8 * (i % 4)) & 0xff);
  return digest;
}

std::array<std::uint8_t, 32> hmac_sha256(std::string_view key, std::string_view bytes) {
  auto text_of = [](const auto& digest) { return std::string{digest.begin(), digest.end()}; };
  std::string padded = key.size() > block_bytes ? text_of(sha256(key)) : std::string{key};
  padded.resize(block_bytes, '\0');
  std::string inner, outer;
  for (char c : padded) {
    inner += static_cast<char>(c ^ 0x36);
    outer += static_cast<char>(c ^ 0x5c);
  }
  return sha256(outer + text_of(sha256(inner + std::string{bytes})));
}

salt_source random_salts() {
  return [](const std::string&) {
    std::random_device entropy;
    auto word = [&] { return std::uint64_t{entropy()} << 32 | entropy(); };
    return kv::hash128{word(), word()};
  };
}

salt_source secret_salts(std::string secret) {
  return [secret = std::move(secret)](const std::string& tenant) {
    auto digest = hmac_sha256(secret, "chromatin tenant " + tenant);
    auto word = [&](std::size_t at) {
      std::uint64_t value = 0;
      for (std::size_t i = 0; i < 8; ++i) value = value << 8 | digest[at + i];
      return value;
    };
    return kv::hash128{word(0), word(8)};
  };
}

std::string read_secret(const std::filesystem::path& file) {
  std::ifstream in{file};
  std::stringstream text;
  if (!in || !(text << in.rdbuf())) throw open_error(fmt::format("{}: cannot be read, or is empty", file.string()));
  return check_secret(text.str(), file.string());
}

std::string check_secret(std::string secret, const std::string& origin) {
  constexpr auto white_space = " \t\r\n";
  secret.erase(0, secret.find_first_not_of(white_space));
  secret.erase(secret.find_last_not_of(white_space) + 1);
  if (secret.size() < secret_bytes_min)
    throw open_error(fmt::format("{}: a secret has at least {} characters, this one has {}", origin, secret_bytes_min,
                                 secret.size()));
  return secret;
}

}  // namespace chromatin::io

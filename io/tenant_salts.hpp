#pragma once

/// Where the salts of new tenants come from. A salt stands in the key of every chunk of its tenant, so it is secret;
/// several nodes share a tenant's chunks when they make the same salt.

#include <filesystem>
#include <functional>
#include <array>
#include <string>
#include <string_view>

#include "kv/chunk.hpp"

namespace chromatin::io {

/// The salt of a tenant that has none yet.
using salt_source = std::function<kv::hash128(const std::string& tenant)>;

/// 128 bits from the kernel.
salt_source random_salts();
/// The first 128 bits of HMAC-SHA-256 over the tenant's name: who has a salt learns nothing of the secret or of others.
salt_source secret_salts(std::string secret);
/// A file's content without white space at its ends. Throws open_error if it cannot be read or is shorter than 16
/// bytes.
std::string read_secret(const std::filesystem::path& file);
/// `secret` itself, if it is long enough; `origin` is what the error names.
std::string check_secret(std::string secret, const std::string& origin);

/// FIPS 180-4 and RFC 2104.
std::array<std::uint8_t, 32> sha256(std::string_view bytes);
std::array<std::uint8_t, 32> hmac_sha256(std::string_view key, std::string_view bytes);

}  // namespace chromatin::io

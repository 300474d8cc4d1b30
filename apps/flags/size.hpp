#pragma once

/// Sizes in bytes, as people write them.

#include <cstdint>
#include <string>
#include <string_view>

namespace chromatin {

/// `65536`, `64M`, `1.5G`, `64MiB`, `1 T`: a number, with a fraction where a unit follows, and a unit of 1024 bytes or
/// a power of it: K, M, G, T, P, with B or iB behind it or not, in either case; a part of a byte is left out. Throws
/// std::invalid_argument with one line for everything else, and for more than 2^62 bytes.
std::uint64_t parse_size(std::string_view text);

/// The same size in the largest unit in which it is a whole number: "64M".
std::string size_text(std::uint64_t bytes);

/// About that much, for people: "512 B", "7.9 MiB".
std::string bytes_text(double bytes);

}  // namespace chromatin

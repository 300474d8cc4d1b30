#pragma once

/// Plain values to bytes and back, for what a policy keeps over a restart on the same machine.

#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

namespace chromatin::kv {

template <class T>
requires std::is_trivially_copyable_v<T>
void put(std::vector<std::byte>& out, const T& value) {
  auto at = out.size();
  out.resize(at + sizeof value);
  std::memcpy(out.data() + at, &value, sizeof value);
}

/// False if there are not so many bytes.
template <class T>
requires std::is_trivially_copyable_v<T>
bool take(std::span<const std::byte>& in, T& value) {
  if (in.size() < sizeof value) return false;
  std::memcpy(&value, in.data(), sizeof value);
  in = in.subspan(sizeof value);
  return true;
}

}  // namespace chromatin::kv

#pragma once

#include <exception>
#include <functional>
#include <string>

namespace chromatin::test {

/// What it threw, in words.
inline std::string reason(const std::function<void()>& what) {
  try {
    what();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace chromatin::test

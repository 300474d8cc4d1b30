#pragma once

/// Numbers from the environment, which make a short test a long run.

#include <cstdlib>

namespace chromatin::test {

/// The variable's number; `otherwise` where it is not set.
inline double number_from(const char* name, double otherwise) {
  const char* text = std::getenv(name);
  return text ? std::atof(text) : otherwise;
}

inline unsigned long long number_from(const char* name, unsigned long long otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace chromatin::test

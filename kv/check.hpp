#pragma once

/// Assertions that hold in every build. A condition that fails is a bug in the code, never bad input: the process ends
/// with the place and the condition, instead of going on with a state that nobody thought of.

namespace chromatin::kv {

/// Prints one line and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition, const char* why);

}  // namespace chromatin::kv

/// CHROMATIN_CHECK(condition, "what it means"): the text is for the person who reads the crash.
#define CHROMATIN_CHECK(condition, why)                                   \
  do {                                                                    \
    if (!(condition)) [[unlikely]]                                        \
      ::chromatin::kv::check_failed(__FILE__, __LINE__, #condition, why); \
  } while (false)

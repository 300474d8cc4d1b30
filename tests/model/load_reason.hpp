#pragma once

#include <functional>
#include <string>

#include <gmock/gmock.h>

#include "model/load_error.hpp"

namespace chromatin::model {

/// Why something cannot be loaded: one line.
inline std::string load_reason(const std::function<void()>& what) {
  try {
    what();
  } catch (const load_error& e) {
    EXPECT_THAT(e.what(), testing::Not(testing::HasSubstr("\n")));
    return e.what();
  }
  return "no error";
}

}  // namespace chromatin::model

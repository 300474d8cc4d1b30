#pragma once

/// What the users of tests say when it has to be long.

#include <string>

namespace chromatin::test {

inline const std::string taxi =
    "I need a taxi to the airport for four people at six in the morning, and a wake-up call before that, please.";

inline const std::string quiet_room =
    "Please find me a quiet room for two nights in the old town, with breakfast and a garden.";

/// About 26 tokens of the embedded model each.
inline std::string many(int n) {
  std::string all;
  for (int i = 0; i < n; ++i) all += taxi;
  return all;
}

}  // namespace chromatin::test

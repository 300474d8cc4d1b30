#pragma once

/// What tests of fsck ask of it.

#include <string>
#include <vector>

#include "io/fsck/fsck.hpp"
#include "tests/io/store_at_rest.hpp"

namespace chromatin::io {

inline std::vector<std::string> lines(const fsck::report& r) {
  std::vector<std::string> all;
  for (const auto& f : r.findings)
    all.push_back(fsck::to_string(f.what_kind) + (": " + f.where) + ": " + f.what + "; " + f.repair);
  return all;
}

inline fsck::report check(const test_store::store_at_rest& at, bool repair = false, const std::string& drop = {}) {
  return fsck::check({.folder = at.path(), .repair = repair, .vocabulary = test_store::vocabulary, .drop_cache = drop});
}

}  // namespace chromatin::io

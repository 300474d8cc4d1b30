#include "apps/top/take.hpp"

#include <chrono>

namespace chromatin::top {

sample take(rpc::client& from) {
  auto parts = from.stat();
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return {std::move(parts), std::chrono::duration<double>(now).count()};
}

}  // namespace chromatin::top

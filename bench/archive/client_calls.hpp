#pragma once

#include <chrono>
#include <stdexcept>
#include <string_view>
#include <thread>

#include <fmt/format.h>

#include "rpc/client.hpp"

namespace chromatin::bench {

/// What a call answers, asked again as often as the server says when to: as a client does whose conversation is in DNA
/// still, or whose server has much to do. Throws rpc::call_error where it does not say so, or for half an hour.
auto call_again(const auto& call) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{30};
  for (;;) try {
      return call();
    } catch (const rpc::call_error& e) {
      const auto after = e.retry_after();
      if (!after || std::chrono::steady_clock::now() > end) throw;
      std::this_thread::sleep_for(*after);
    }
}

/// What a server's part of this name, or one whose name begins so, counts. Throws where nothing does.
inline std::int64_t counter(rpc::client& client, std::string_view of, std::string_view name) {
  for (const auto& part : client.stat())
    for (const auto& [called, value] : part.values)
      if (part.part.starts_with(of) && called == name) return value;
  throw std::runtime_error{fmt::format("the server does not count {} of its {}", name, of)};
}

}  // namespace chromatin::bench

// Bodies of chat requests over HTTP.

#include "http/chat_request.hpp"
#include "tests/fuzz/input.hpp"

using namespace chromatin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    auto request = http::read_chat_request(fuzz::text_of(data, size), {.seed = 1, .vocabulary = 100});
    fuzz::must(!request.messages.empty() && request.messages.back().role == "user");
    fuzz::must(request.sampling.temperature >= 0 && request.sampling.top_p > 0 && request.sampling.top_p <= 1);
    fuzz::must(request.sampling.min_p >= 0 && request.sampling.min_p <= 1 && request.sampling.less.repeat > 0);
    fuzz::must(request.sampling.likelihoods.value_or(0) <= 20);
    for (auto [token, bias] : request.sampling.biases) fuzz::must(token < 100 && bias >= -100 && bias <= 100);
    fuzz::must(request.priority <= 100 && request.keep.ttl_us >= 0);
  } catch (const http::error& e) {
    fuzz::must(e.status == 400 && !e.message.empty());
    fuzz::must(!http::to_json(e).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).empty());
  }
  return 0;
}

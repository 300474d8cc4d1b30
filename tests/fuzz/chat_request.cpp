// Bodies of requests for answers over HTTP.

#include "http/chat_request.hpp"
#include "http/completion_request.hpp"
#include "http/response_request.hpp"
#include "tests/fuzz/input.hpp"

using namespace chromatin;

namespace {

constexpr http::reading with{.seed = 1, .vocabulary = 100};

void check(const http::answer_request& r) {
  const auto& how = r.sampling;
  fuzz::must(how.temperature >= 0 && how.top_p > 0 && how.top_p <= 1);
  fuzz::must(how.min_p >= 0 && how.min_p <= 1 && how.less.repeat > 0);
  fuzz::must(how.likelihoods.value_or(0) <= 20);
  for (auto [token, bias] : how.biases) fuzz::must(token < with.vocabulary && bias >= -100 && bias <= 100);
  fuzz::must(r.priority <= 100 && r.keep.ttl_us >= 0 && r.n >= 1);
}

/// `read` may refuse the text, in a sentence.
template <class Read>
void attempt(Read read) try {
  read();
} catch (const http::error& e) {
  fuzz::must(e.status == 400 && !e.message.empty());
  fuzz::must(!http::to_json(e).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto text = fuzz::text_of(data, size);
  attempt([&] {
    auto request = http::read_chat_request(text, with);
    check(request);
    fuzz::must(!request.messages.empty() && request.messages.back().role == "user");
  });
  attempt([&] {
    auto request = http::read_response_request(text, with);
    check(request);
    fuzz::must(!request.input.empty() && request.input.back().role == "user" && request.n == 1);
    fuzz::must(request.previous.empty() || request.conversation.empty());
    fuzz::must(request.metadata.is_object());
  });
  attempt([&] {
    auto request = http::read_completion_request(text, with);
    check(request);
    fuzz::must(!request.prompts.empty());
    for (const auto& prompt : request.prompts)
      for (auto token : prompt.tokens) fuzz::must(token < with.vocabulary);
  });
  return 0;
}

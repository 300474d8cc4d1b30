#pragma once

/// OpenAI's chat completions as a plain client asks for them: all messages each time, greedy, streamed. One thread at a
/// time. Errors are std::runtime_error with one line.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "actors/talk.hpp"
#include "bench/served/connection.hpp"
#include "bench/served/http_response.hpp"

namespace chromatin::bench {

/// An answer as its client saw it.
struct chat_answer {
  double first_s = 0;  ///< from the request to the first event, which no server sends before it has a token
  double total_s = 0;
  std::string text;
  std::uint32_t prompt_tokens = 0, cached_tokens = 0, answer_tokens = 0;
};

/// The request; `more` are further fields.
std::string chat_request(const message_list& messages, std::uint32_t tokens_max,
                         const nlohmann::ordered_json& more = nlohmann::ordered_json::object());

/// Takes the bytes of an answer as they come. What they say is read when all are there: that is not the server's time.
class chat_reader {
 public:
  void feed(std::string_view bytes);
  bool done() const { return response_.done(); }
  std::size_t events() const { return events_.size(); }
  /// Without times. Throws what the server says went wrong.
  chat_answer answer() const;

 private:
  response_reader response_;
  event_reader cut_;
  std::vector<std::string> events_;
  std::string refusal_;  ///< a body that is no stream
};

/// Asks over one connection, one answer after the other.
class chat_client {
 public:
  explicit chat_client(const std::string& address) : connection_{address} {}
  chat_answer say(const message_list& messages, std::uint32_t tokens_max,
                  const nlohmann::ordered_json& more = nlohmann::ordered_json::object());

 private:
  tcp_connection connection_;
};

}  // namespace chromatin::bench

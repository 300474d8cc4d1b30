#pragma once

/// The whole system on the embedded model, served over HTTP on a real socket. What needs actors is in fixture.cpp:
/// tests that are only HTTP compile in half the time without them.

#include <functional>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "rpc/door.hpp"
#include "rpc/tokens.hpp"
#include "tests/http/http_client.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin {
class running_system;
}
namespace chromatin::model {
struct checkpoint;
}
namespace chromatin::rpc {
class server;
}

namespace chromatin::test {
using json = nlohmann::json;

inline const std::string taxi =
    "I need a taxi to the airport for four people at six in the morning, and a wake-up call before that, please. ";

inline json message(const std::string& role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

class HttpServer : public testing::Test {
 protected:
  HttpServer();
  ~HttpServer() override;
  void start(const rpc::token_list& tokens = {}, const std::function<void(rpc::door_limits&)>& change = {});
  void stop();
  const model::checkpoint& checkpoint() const;

  http_reply send(const std::string& bytes) {
    http_connection c{port_};
    c.send(bytes);
    return c.reply();
  }
  http_reply post(const json& body, const std::string& token = {}) {
    return send(http_request("POST", "/v1/chat/completions", body.dump(), token));
  }
  http_reply get(const std::string& path) { return send(http_request("GET", path, {})); }
  /// Greedy, 20 tokens at most. What is said, and the answer, are added to `said`.
  json turn(json& said, const std::string& text, const std::string& token = {}) {
    said.push_back(message("user", text));
    auto r = post({{"messages", said}, {"temperature", 0}, {"max_tokens", 20}}, token);
    EXPECT_EQ(r.status, 200) << r.body;
    auto answer = r.json();
    said.push_back(answer["choices"][0]["message"]);
    return answer;
  }
  /// In the conversation of this name, greedy, 20 tokens at most.
  json say(const std::string& conversation, const std::string& text) {
    auto r = post({{"conversation", conversation},
                   {"messages", {message("user", text)}},
                   {"temperature", 0},
                   {"max_tokens", 20}});
    EXPECT_EQ(r.status, 200) << r.body;
    return r.json();
  }
  /// The data of a stream's events, but for the mark at its end.
  static std::vector<json> events_of(const http_reply& r) {
    std::vector<json> all;
    std::size_t at = 0;
    for (std::size_t end; (end = r.body.find("\n\n", at)) != r.body.npos; at = end + 2) {
      auto data = r.body.find("data: ", at);
      EXPECT_LT(data, end) << r.body.substr(at, end - at);
      auto text = r.body.substr(data + 6, end - data - 6);
      if (text != "[DONE]") all.push_back(json::parse(text));
    }
    return all;
  }
  static std::uint32_t cached(const json& answer) {
    return answer["usage"]["prompt_tokens_details"]["cached_tokens"].get<std::uint32_t>();
  }
  /// Tokens of its prompt that were not reused.
  static std::uint32_t not_cached(const json& answer) {
    return answer["usage"]["prompt_tokens"].get<std::uint32_t>() - cached(answer);
  }
  std::size_t conversations(const std::string& tenant = "default");
  std::int64_t gateway_counter(const std::string& name);
  /// A chat that does not end by itself before its tokens do.
  json endless(std::uint32_t tokens) const;

  std::vector<std::string> origins_;  ///< of other sites, set before start()
  bool deterministic_ = false;        ///< set before start()
  bool archive_ = false;              ///< whose steps take a second each; set before start()
  temporary_folder folder_;
  std::unique_ptr<running_system> system_;
  std::unique_ptr<rpc::server> server_;
  std::uint16_t port_ = 0;
};

}  // namespace chromatin::test

// Clients of HTTP/1.0.

#include <gmock/gmock.h>

#include "http/old_clients.hpp"
#include "tests/http/fixture.hpp"

namespace chromatin::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class OldClients : public HttpServer {
 protected:
  static std::string request(const std::string& method, const std::string& path, const std::string& connection = {},
                             const std::string& body = {}) {
    auto head = method + " " + path + " HTTP/1.0\r\nHost: localhost\r\n";
    if (!connection.empty()) head += "Connection: " + connection + "\r\n";
    if (!body.empty()) head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return head + "\r\n" + body;
  }
};

TEST_F(OldClients, AreHeardOnceUnlessTheyAskForMore) {
  start();
  for (std::string connection : {"", "close", "upgrade"}) {
    http_connection c{port_};
    c.send(request("GET", "/healthz", connection));
    auto all = c.rest();
    EXPECT_THAT(all, AllOf(StartsWith("HTTP/1.1 200 OK"), HasSubstr("Connection: close"), HasSubstr("\"ok\"")))
        << connection;
    EXPECT_THAT(all, Not(HasSubstr("keep-alive")));
  }
}

TEST_F(OldClients, ThatAskForItKeepTheirConnection) {
  start();
  http_connection c{port_};
  const json body{{"messages", {message("user", "hi")}}, {"max_tokens", 2}};
  for (std::string connection : {"keep-alive", "Keep-Alive"})
    for (const auto& one : {request("GET", "/healthz", connection), request("GET", "/nothing", connection),
                            request("POST", "/v1/chat/completions", connection, body.dump())}) {
      c.send(one);
      auto r = c.reply();
      EXPECT_EQ(r.header("Connection"), "keep-alive") << r.head;
      EXPECT_FALSE(r.header("Content-Length").empty());
      EXPECT_NO_THROW(r.json());
    }
  c.send(request("HEAD", "/healthz", "keep-alive"));
  c.send(request("GET", "/healthz"));
  EXPECT_THAT(c.rest(),
              AllOf(HasSubstr("Connection: keep-alive"), HasSubstr("Connection: close"), HasSubstr("\"ok\"")));
}

TEST_F(OldClients, EachRequestOfAConnectionIsAnsweredInItsVersion) {
  start();
  http_connection c{port_};
  for (int i = 0; i < 2; ++i) {
    c.send(request("GET", "/healthz", "keep-alive"));
    EXPECT_EQ(c.reply().header("Connection"), "keep-alive");
    c.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(c.reply().header("Connection"), "");
  }
}

TEST_F(OldClients, GetAStreamWithoutChunksThatEndsWithTheConnection) {
  start();
  auto body = endless(20);
  body["stream_options"] = {{"include_usage", true}};
  for (std::string connection : {"", "keep-alive"}) {
    http_connection c{port_};
    c.send(request("POST", "/v1/chat/completions", connection, body.dump()));
    auto all = c.rest();
    EXPECT_THAT(all, AllOf(HasSubstr("Connection: close"), Not(HasSubstr("Transfer-Encoding"))));
    http_reply r;
    r.body = all.substr(all.find("\r\n\r\n") + 4);
    EXPECT_THAT(r.body, StartsWith("data: {"));
    EXPECT_EQ(events_of(r).back()["usage"]["completion_tokens"], 20);
    EXPECT_TRUE(r.body.ends_with("data: [DONE]\n\n")) << r.body;
  }
}

TEST_F(OldClients, AreNotToldToGoOn) {
  start();
  http_connection c{port_};
  c.send(
      "POST /tokenize HTTP/1.0\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 17\r\n\r\n{\"content\": "
      "\"hi\"}");
  EXPECT_THAT(c.rest(), StartsWith("HTTP/1.1 200 OK"));
}

TEST(OldResponse, IsTheSameHoweverItIsWritten) {
  const std::string head = "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
                    content = "5\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n2\r\n\r\n\r\n0\r\n\r\n";
  for (std::size_t size = 1; size <= content.size(); ++size) {
    http::old_response_text text;
    text.begin();
    EXPECT_EQ(text.take(head), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    std::string all;
    for (std::size_t at = 0; at < content.size(); at += size) all += text.take(content.substr(at, size));
    EXPECT_EQ(all, "helloabcdefghijklmnopqrstuvwxyz\r\n") << size;
  }
}

}  // namespace
}  // namespace chromatin::test

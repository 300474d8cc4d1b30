// What stands before a body: targets, hosts, tokens, lengths, chunks; over a real socket.

#include "http/request_head.hpp"

#include <gmock/gmock.h>

#include "tests/http/fixture.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(RequestHead, OnlyNamesThatNobodyElseCanHaveAreThisMachine) {
  for (auto host : {"localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:8080", "127.1.2.3:1", "[::1]", "[::1]:8080"})
    EXPECT_TRUE(http::is_this_machine(host)) << host;
  for (auto host : {"", "127.evil.example", "127.evil.example:8080", "127.0.0.1.evil.example", "[::1].evil.example",
                    "[::1]evil:80", "[::1", "localhost.evil.example", "localhost:80@evil.example", "128.0.0.1", "127.1",
                    "127.0.0.1:", "127.0.0.1:99999", "[::2]"})
    EXPECT_FALSE(http::is_this_machine(host)) << host;
}

TEST(RequestHead, ATargetIsAPathOrAWholeUrl) {
  auto is = [](const char* url, const std::string& host, const std::string& path, const std::string& query) {
    auto t = http::read_target(url);
    EXPECT_EQ(t.host, host) << url;
    EXPECT_EQ(t.path, path) << url;
    EXPECT_EQ(t.query, query) << url;
  };
  is("/v1/models", "", "/v1/models", "");
  is("/v1/conversations?a=b?c", "", "/v1/conversations", "a=b?c");
  is("http://localhost:8080/v1/models?x", "localhost:8080", "/v1/models", "x");
  is("HTTPS://Host", "Host", "/", "");
  is("http://host?x=http://other/", "host", "/", "x=http://other/");
  is("*", "", "*", "");
}

TEST(RequestHead, ATokenStandsBehindItsScheme) {
  for (auto text : {"Bearer abc", "bearer abc", "BEARER   abc ", "Bearer\tabc"})
    EXPECT_EQ(http::bearer_token(text), "abc");
  for (auto text : {"", "Bearer", "Bearer ", "Bearerabc", "Basic abc", "abc"}) EXPECT_EQ(http::bearer_token(text), "");
}

class Heads : public HttpServer {
 protected:
  /// All that comes to a request with these headers, and that the connection is closed.
  std::string rest_of(const std::string& head, const std::string& behind) {
    http_connection c{port_};
    c.send(head + "\r\n\r\n" + behind);
    return c.rest();
  }
  static inline const std::string post = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n",
                                  body = R"({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1})",
                                  length = "Content-Length: " + std::to_string(body.size());
  static std::string in_chunks(const std::string& first_line) { return first_line + "\r\n" + body + "\r\n0\r\n\r\n"; }
};

TEST_F(Heads, ANameOfSomebodysThatBeginsWith127IsNotThisMachine) {
  start();
  auto status = [&](const std::string& more) { return send("GET /v1/models HTTP/1.1\r\n" + more + "\r\n").status; };
  EXPECT_EQ(status("Host: 127.evil.example:8080\r\nOrigin: http://127.evil.example:8080\r\n"), 403);
  EXPECT_EQ(status("Host: [::1].evil.example\r\n"), 403);
  EXPECT_EQ(status("Host: LOCALHOST:8080\r\n"), 200);
  EXPECT_EQ(send("GET http://evil.example/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 403);
}

TEST_F(Heads, AWholeUrlIsATargetToo) {
  start();
  EXPECT_EQ(send("GET http://localhost/v1/conversations?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 200);
}

TEST_F(Heads, ATokenIsKnownHoweverItsSchemeIsWritten) {
  start({.tenants = {{"one-token", "one"}}, .operators = {}});
  auto status = [&](const std::string& value) {
    return send("GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: " + value + "\r\n\r\n").status;
  };
  EXPECT_EQ(status("bearer one-token"), 200);
  EXPECT_EQ(status("Bearer  one-token"), 200);
  EXPECT_EQ(status("Basic one-token"), 401);
  EXPECT_EQ(status("one-token"), 401);
}

TEST_F(Heads, ALengthThatIsNoneIsTheClientsFault) {
  start();
  for (const auto& wrong :
       std::vector<std::string>{"Content-Length: 6x", "Content-Length: x", "Content-Length: 5\r\n" + length,
                                "Content-Length: +" + std::to_string(body.size())}) {
    auto r = rest_of(post + wrong, body);
    EXPECT_THAT(r, StartsWith("HTTP/1.1 400 ")) << wrong;
    EXPECT_THAT(r, HasSubstr("invalid_request_error"));
  }
  EXPECT_THAT(rest_of(post + "Transfer-Encoding: gzip, chunked", in_chunks("42")), StartsWith("HTTP/1.1 501 "));
}

TEST_F(Heads, ABodyThatEndsInTwoWaysIsRefusedAndNothingIsReadBehindIt) {
  start();
  auto r = rest_of(post + "Transfer-Encoding: chunked\r\nContent-Length: 5",
                   in_chunks("42") + "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(r, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(r, testing::Not(HasSubstr("HTTP/1.1 200")));
}

TEST_F(Heads, NothingIsAnsweredBehindTheRequestThatWasToBeTheLast) {
  start();
  auto r = rest_of("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close",
                   "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(r, StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(r.find("HTTP/1.1", 1), r.npos) << r;
}

TEST_F(Heads, ChunksThatAreNoneAreNotTooLarge) {
  start();
  auto r = rest_of(post + "Transfer-Encoding: chunked", in_chunks("zz"));
  EXPECT_THAT(r, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(r, HasSubstr("chunks"));
}

TEST_F(Heads, WhoAsksBeforeItSendsIsToldToGoOn) {
  start();
  http_connection c{port_};
  for (std::string word : {"100-continue", "100-Continue"}) {
    c.send(post + "Expect: " + word + "\r\n" + length + "\r\n\r\n");
    EXPECT_THAT(c.reply().head, StartsWith("HTTP/1.1 100 Continue\r\n"));
    c.send(body);
    EXPECT_EQ(c.reply().status, 200);
  }
  c.send(post + "Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n");
  EXPECT_EQ(c.reply().status, 413) << "what would be refused need not come";
}

TEST_F(Heads, WhatIsCompressedIsRefusedByName) {
  start();
  auto r = send(post + "Content-Encoding: gzip\r\n" + length + "\r\n\r\n" + body);
  EXPECT_EQ(r.status, 415);
  EXPECT_THAT(r.body, HasSubstr("Content-Encoding: gzip"));
  EXPECT_EQ(send(post + "Content-Encoding: identity\r\n" + length + "\r\n\r\n" + body).status, 200);
}

TEST_F(Heads, AnErrorLeavesTheConnectionOpen) {
  start();
  http_connection c{port_};
  auto all = http_request("GET", "/v1/conversations/none", "") + http_request("GET", "/v1/responses/none", "") +
             http_request("POST", "/v1/conversations/none/fork", "{}") + http_request("GET", "/v1/archives", "");
  c.send(all + http_request("GET", "/healthz", ""));
  for (int status : {404, 404, 404, 503, 200}) {
    auto r = c.reply();
    EXPECT_EQ(r.status, status);
    EXPECT_EQ(r.header("Connection"), "");
  }
}

}  // namespace
}  // namespace chromatin::test

// Requests whose ends one program may see here and the next one there; as values, and over a real socket.

#include "http/framing.hpp"

#include <gmock/gmock.h>

#include "tests/http/fixture.hpp"

namespace chromatin::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// Parts of requests.
struct request_parts {
  static inline const std::string get_line = "GET /healthz HTTP/1.1\r\n", host = "Host: localhost\r\n",
                                  getting = get_line + host, posting = "POST /tokenize HTTP/1.1\r\n" + host,
                                  in_chunks = "Transfer-Encoding: chunked\r\n\r\n", body = R"({"content": "hi"})",
                                  chunk = "11\r\n" + body + "\r\n", last = "0\r\n\r\n",
                                  length = "Content-Length: 17\r\n";
};

/// What passes of it, taken in pieces of this size; of several requests all.
struct checked_request {
  explicit checked_request(std::string_view sent, std::size_t size = 1'000'000) {
    for (std::size_t at = 0; at < sent.size() && !framing.wrong();) {
      auto taken = framing.take(sent.substr(at, size), passed);
      EXPECT_GT(taken, 0u);
      at += taken;
    }
  }
  unsigned status() const { return framing.wrong() ? framing.wrong()->status : 200; }

  http::framing framing;
  std::string passed;
};

struct odd_request {
  const char* what;
  std::string bytes;
  unsigned status = 400;
};

struct odd_requests : request_parts {
  static std::vector<odd_request> heads() {
    auto large = "X: " + std::string(140'000, 'x');
    return {
        {"a blank in front of a colon", posting + "Content-Length : 17\r\n\r\n" + body},
        {"a tab in front of a colon", posting + "Transfer-Encoding\t: chunked\r\n\r\n" + chunk + last},
        {"a name that is none", getting + "X(Y): a\r\n\r\n"},
        {"no name", getting + ": a\r\n\r\n"},
        {"no colon", getting + "nothing\r\n\r\n"},
        {"a line that goes on", getting + "X: a\r\n b\r\n\r\n"},
        {"a first line that goes on", get_line + " X: a\r\n" + host + "\r\n"},
        {"lines that end in LF", "GET /healthz HTTP/1.1\nHost: localhost\n\n"},
        {"a LF in a value", getting + "X: a\nContent-Length: 5\r\n\r\n"},
        {"a CR in a value", getting + "X: a\rContent-Length: 5\r\n\r\n"},
        {"two CR", getting + "X: a\r\r\n\r\n"},
        {"a NUL in a value", getting + "X: a" + std::string(1, '\0') + "b\r\n\r\n"},
        {"another control character", getting + "X: a\x7f\r\n\r\n"},
        {"something that is no text", "\x16\x03\x01\x02"},
        {"a length and chunks", posting + length + in_chunks + chunk + last},
        {"a length and chunks where no body is read", getting + "Content-Length: 5\r\n" + in_chunks + last},
        {"two lengths", getting + "Content-Length: 0\r\nContent-Length: 50\r\n\r\n"},
        {"the same length twice", posting + length + length + "\r\n" + body},
        {"a list of lengths", posting + "Content-Length: 17, 17\r\n\r\n" + body},
        {"a sign", posting + "Content-Length: +17\r\n\r\n" + body},
        {"a length in another base", posting + "Content-Length: 0x11\r\n\r\n" + body},
        {"no length", posting + "Content-Length:\r\n\r\n"},
        {"a length above 64 bits", posting + "Content-Length: 18446744073709551633\r\n\r\n" + body},
        {"chunks twice", posting + "Transfer-Encoding: chunked\r\n" + in_chunks + chunk + last, 501},
        {"another coding around chunks", posting + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunk + last, 501},
        {"chunks in another coding", posting + "Transfer-Encoding: chunked, gzip\r\n\r\n"},
        {"a coding that is like chunks", posting + "Transfer-Encoding: xchunked\r\n\r\n" + chunk + last},
        {"no coding", posting + "Transfer-Encoding:\r\n\r\n"},
        {"chunks in HTTP/1.0", "POST /tokenize HTTP/1.0\r\n" + in_chunks + chunk + last},
        {"no host", get_line + "\r\n"},
        {"two hosts", getting + "Host: localhost\r\n\r\n"},
        {"no version", "GET /healthz\r\n" + host + "\r\n"},
        {"another version", "GET /healthz HTTP/2.0\r\n" + host + "\r\n", 505},
        {"a version like ours", "GET /healthz HTTP/1.10\r\n" + host + "\r\n", 505},
        {"two blanks", "GET  /healthz HTTP/1.1\r\n" + host + "\r\n"},
        {"a target with a blank", "GET /healthz /v1 HTTP/1.1\r\n" + host + "\r\n"},
        {"tabs for blanks", "GET\t/healthz\tHTTP/1.1\r\n" + host + "\r\n"},
        {"a large header", getting + large + "\r\n\r\n", 431},
    };
  }

  static std::vector<odd_request> bodies() {
    auto of = [](const std::string& chunks) { return posting + in_chunks + chunks; };
    return {
        {"a size in C", of("0x11\r\n" + body + "\r\n" + last)},
        {"a size with a sign", of("+11\r\n" + body + "\r\n" + last)},
        {"a size with a blank", of("11 \r\n" + body + "\r\n" + last)},
        {"a size above 64 bits", of("10000000000000011\r\n" + body + "\r\n" + last)},
        {"no size", of("\r\n" + body + "\r\n" + last)},
        {"no size at the end", of(chunk + "\r\n\r\n")},
        {"a size that ends in LF", of("11\n" + body + "\r\n" + last)},
        {"a chunk that ends in LF", of("11\r\n" + body + "\n" + last)},
        {"a chunk that is longer than it says", of("10\r\n" + body + "\r\n" + last)},
        {"a LF behind an extension", of("11;a\n" + body + "\r\n" + last)},
        {"an extension without an end", of("11;" + std::string(5'000, 'a') + "\r\n" + body + "\r\n" + last)},
        {"a request in place of a trailer", of(chunk + "0\r\n" + getting + "\r\n")},
    };
  }
};

class Framing : public testing::Test, protected odd_requests {};

TEST_F(Framing, WhatHasOneMeaningPassesAsItIsHoweverItComes) {
  const std::string requests[] = {getting + "\r\n", getting + "X:\r\nY:\t a \r\n\r\n", posting + length + "\r\n" + body,
                                  posting + in_chunks + chunk + "1\r\nx\r\n" + last, "GET / HTTP/1.0\r\n\r\n"};
  std::string all;
  for (const auto& one : requests) all += one;
  for (std::size_t size = 1; size < all.size(); ++size) {
    checked_request c{all, size};
    EXPECT_EQ(c.status(), 200u);
    EXPECT_EQ(c.passed, all) << size;
    EXPECT_TRUE(c.framing.is_over());
  }
}

TEST_F(Framing, ARequestIsNotTakenTogetherWithTheNextOne) {
  http::framing framing;
  std::string passed, sent = posting + length + "\r\n" + body + getting;
  EXPECT_EQ(framing.take(sent, passed), sent.size() - getting.size());
  EXPECT_TRUE(framing.is_over());
}

TEST_F(Framing, TheVersionIsThatOfTheRequestTakenLast) {
  checked_request old{"GET / HTTP/1.0\r\n\r\n", 1};
  EXPECT_TRUE(old.framing.is_of_http_1_0());
  old.framing.take("GET /HTTP/1.0 HTTP/1.1\r\nHost: a\r\nX: HTTP/1.0\r\n\r\n", old.passed);
  EXPECT_FALSE(old.framing.is_of_http_1_0());
  for (std::size_t size : {1, 2, 7, 100}) {
    EXPECT_TRUE(checked_request("\r\nGET / HTTP/1.0\r\nHost: a\r\n", size).framing.is_of_http_1_0());
    EXPECT_FALSE(checked_request("GET / HTTP/1.0", size).framing.is_of_http_1_0()) << "it may go on";
  }
}

TEST_F(Framing, WhatKjWouldMisreadIsLeftOut) {
  EXPECT_EQ(checked_request("\r\n\r\n" + getting + "\r\n").passed, getting + "\r\n") << "lines in front of a request";
  EXPECT_EQ(checked_request(posting + in_chunks + "11 ; a=\"b\"\r\n" + body + "\r\n0;c\r\nX-Trailer: a\r\n\r\n").passed,
            posting + in_chunks + chunk + last);
  EXPECT_EQ(checked_request(posting + "transfer-encoding: Chunked\r\n\r\n" + chunk + last).passed,
            posting + in_chunks + chunk + last);
  EXPECT_EQ(checked_request(posting + "content-length:017\r\n\r\n" + body).passed, posting + length + "\r\n" + body);
}

TEST_F(Framing, AHeadWithAFaultPassesAsOneWithoutABody) {
  for (const auto& odd : heads())
    for (std::size_t size : {1, 7, 1'000'000}) {
      checked_request c{odd.bytes, size};
      EXPECT_EQ(c.status(), odd.status) << odd.what;
      EXPECT_FALSE(c.framing.is_in_body()) << odd.what;
      EXPECT_TRUE(c.passed.ends_with("\r\n\r\n")) << odd.what;
      for (auto none : {"Content-Length", "Transfer-Encoding"}) EXPECT_THAT(c.passed, Not(HasSubstr(none))) << odd.what;
    }
}

TEST_F(Framing, ABodyWithAFaultEndsInFrontOfIt) {
  for (const auto& odd : bodies())
    for (std::size_t size : {1, 7, 1'000'000}) {
      checked_request c{odd.bytes, size};
      EXPECT_EQ(c.status(), 400u) << odd.what;
      EXPECT_TRUE(c.framing.is_in_body()) << odd.what;
      EXPECT_THAT(c.passed, Not(HasSubstr(last))) << odd.what;
    }
}

class Smuggling : public HttpServer, protected odd_requests {
 protected:
  /// All that comes, with another request behind it.
  std::string answer_to(const std::string& bytes) {
    http_connection c{port_};
    c.send(bytes + getting + "\r\n");
    return c.rest();
  }
};

TEST_F(Smuggling, WhatIsOddIsRefusedAndNothingIsReadBehindIt) {
  start();
  auto all = heads();
  for (auto& more : bodies()) all.push_back(std::move(more));
  for (const auto& odd : all) {
    if (odd.status == 431) continue;  // what is not read ends the connection before the answer is there, now and then
    auto r = answer_to(odd.bytes);
    EXPECT_THAT(r, AllOf(StartsWith("HTTP/1.1 " + std::to_string(odd.status) + ' '), HasSubstr("Connection: close"),
                         HasSubstr("\"error\"")))
        << odd.what;
    EXPECT_THAT(r, Not(HasSubstr("}HTTP/1.1"))) << odd.what;
  }
}

TEST_F(Smuggling, WhatIsOddBehindARequestIsNoReasonNotToAnswerThat) {
  start();
  auto r = answer_to(posting + length + "\r\n" + body + getting + "X : a\r\n\r\n");
  EXPECT_THAT(r, AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("tokens"), HasSubstr("HTTP/1.1 400 ")));
  EXPECT_THAT(r, Not(HasSubstr("\"ok\"")));
}

TEST_F(Smuggling, WhatIsOnlyUnusualIsServedAndTheConnectionStays) {
  start();
  http_connection c{port_};
  for (const auto& one : {"\r\n" + posting + length + "\r\n" + body,
                          posting + in_chunks + "11;name=value\r\n" + body + "\r\n0\r\nX: a\r\n\r\n",
                          posting + in_chunks + "1\r\n{\r\n10\r\n" + body.substr(1) + "\r\n" + last,
                          posting + "Content-Length: 0017\r\n\r\n" + body}) {
    c.send(one);
    auto r = c.reply();
    EXPECT_EQ(r.status, 200) << one << r.body;
    EXPECT_TRUE(r.json().contains("tokens"));
  }
}

TEST_F(Smuggling, ALargeBodyComesAsItWasSent) {
  start();
  auto text = json{{"content", std::string(200'000, 'x')}}.dump();
  auto whole = send(http_request("POST", "/tokenize", text));
  std::string chunks;
  for (std::size_t at = 0; at < text.size(); at += 256) {
    auto part = text.substr(at, 256);
    char size[16];
    std::snprintf(size, sizeof size, "%zx", part.size());
    chunks += size + ("\r\n" + part) + "\r\n";
  }
  auto r = send(posting + in_chunks + chunks + last);
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.body, whole.body);
}

}  // namespace
}  // namespace chromatin::test

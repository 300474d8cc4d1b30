// What clients send that they should not, or do that they should not, over a real socket.

#include <chrono>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>

#include "http/endpoints.hpp"
#include "rpc/server.hpp"
#include "tests/http/fixture.hpp"

namespace chromatin::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

class BadInput : public HttpServer {
 protected:
  http_reply ask(const std::string& method, const std::string& path, const std::string& body = {}) {
    return send(http_request(method, path, body));
  }
  /// A request that any of the endpoints for answers takes.
  static json request_to(const std::string& path) {
    json body{{"max_tokens", 2}};
    if (path == "/v1/chat/completions") body["messages"] = {message("user", "hi")};
    if (path == "/v1/responses") body["input"] = "hi";
    if (path == "/v1/completions") body["prompt"] = "hi";
    return body;
  }
  /// Some kilobytes a token.
  json long_chat(std::uint32_t tokens) const {
    auto body = endless(tokens);
    body.update({{"logprobs", true}, {"top_logprobs", 20}});
    return body;
  }
  /// They have begun.
  std::vector<std::unique_ptr<http_connection>> streams_that_nobody_reads(int count, std::uint32_t tokens) const {
    std::vector<std::unique_ptr<http_connection>> all;
    for (int i = 0; i < count; ++i) {
      all.push_back(std::make_unique<http_connection>(port_, 8192));
      all.back()->send(http_request("POST", "/v1/chat/completions", long_chat(tokens).dump()));
    }
    for (auto& c : all) c->some();
    return all;
  }
  /// Reads a stream that has begun.
  static bool comes_to_its_end(http_connection& c) {
    std::string all;
    for (auto more = c.some(); !more.empty(); more = c.some())
      if ((all += more).ends_with("data: [DONE]\n\n\r\n0\r\n\r\n")) return true;
    return false;
  }
  /// Whether one more turn of the same client is; it is asked for again a moment later.
  bool is_served_soon() {
    const json one{{"messages", {message("user", "hi")}}, {"max_tokens", 2}};
    for (int tries = 0; tries < 200; ++tries, std::this_thread::sleep_for(1ms))
      if (post(one).status == 200) return true;
    return false;
  }
  void wait_for(const std::string& counter, std::int64_t value) {
    while (gateway_counter(counter) != value) std::this_thread::sleep_for(1ms);
  }
};

const auto answering = {"/v1/chat/completions", "/v1/responses", "/v1/completions"};

std::size_t resident_bytes() {
  std::ifstream status{"/proc/self/statm"};
  std::size_t all = 0, resident = 0;
  status >> all >> resident;
  return resident * 4096;
}

TEST_F(BadInput, UnknownFieldsArePassedOver) {
  start();
  for (std::string path : answering) {
    auto body = request_to(path);
    body.update({{"no_such_field", {{"a", {1, 2, 3}}}}, {"user", "somebody"}, {"service_tier", "auto"}});
    EXPECT_EQ(ask("POST", path, body.dump()).status, 200) << path;
  }
}

TEST_F(BadInput, AWrongTypeIsNamedWithItsField) {
  start();
  for (std::string path : answering)
    for (const json& wrong : {json{{"temperature", "hot"}}, json{{"model", 7}}, json{{"max_tokens", -1}},
                              json{{"stream", "yes"}}, json{{"stop", {1}}}, json{{"seed", 1.5}}, json{{"top_p", 2}},
                              json{{"logit_bias", {{"x", 1}}}}, json{{"cache_salt", 1}}, json{{"priority", 101}}}) {
      auto body = request_to(path);
      body.update(wrong);
      auto r = ask("POST", path, body.dump());
      EXPECT_EQ(r.status, 400) << path << body;
      EXPECT_EQ(r.json()["error"]["param"], wrong.begin().key()) << r.body;
      EXPECT_EQ(r.json()["error"]["type"], "invalid_request_error");
    }
}

TEST_F(BadInput, AnUnknownModelIsNotFound) {
  start();
  for (std::string path : answering) {
    auto body = request_to(path);
    body["model"] = "another";
    auto r = ask("POST", path, body.dump());
    EXPECT_EQ(r.status, 404);
    EXPECT_EQ(r.json()["error"]["code"], "model_not_found");
    EXPECT_EQ(r.json()["error"]["param"], "model");
  }
}

TEST_F(BadInput, WhatIsNotJsonSaysWhere) {
  start();
  for (std::string path : answering) {
    auto r = ask("POST", path, R"({"messages": [}])");
    EXPECT_EQ(r.status, 400);
    EXPECT_THAT(r.body, HasSubstr("not JSON: at byte 15"));
    EXPECT_EQ(ask("POST", path, "").status, 400);
    EXPECT_EQ(ask("POST", path, "[]").status, 400);
  }
}

TEST_F(BadInput, WhatIsNotUtf8IsRefusedEscapesAreNot) {
  start();
  for (std::string path : answering) {
    auto body = request_to(path);
    body["user"] = "MARK";
    auto text = body.dump();
    auto with = [&](const std::string& put) { return std::string{text}.replace(text.find("MARK"), 4, put); };
    auto r = ask("POST", path, with("caf\xe9"));
    EXPECT_EQ(r.status, 400);
    EXPECT_THAT(r.body, HasSubstr("not UTF-8: at byte"));
    EXPECT_EQ(ask("POST", path, with("\\ud83d alone")).status, 400) << "half of a character";
    EXPECT_EQ(ask("POST", path, with("\\u00e9 \\ud83d\\ude00 \xc3\xa9")).status, 200);
  }
}

TEST_F(BadInput, DeepNestingIsOneFieldMore) {
  start();
  auto body = request_to("/v1/chat/completions").dump();
  std::string deep(200'000, '['), end(200'000, ']');
  EXPECT_EQ(ask("POST", "/v1/chat/completions", R"({"deep": )" + deep + end + "," + body.substr(1)).status, 200);
  EXPECT_EQ(ask("POST", "/v1/chat/completions", R"({"messages": )" + deep + end + "}").status, 400);
  EXPECT_EQ(ask("POST", "/v1/chat/completions", R"({"messages": )" + deep).status, 400);
}

TEST_F(BadInput, ABodyOfManyValuesIsNotParsed) {
  start();
  auto body = request_to("/v1/chat/completions").dump();
  auto with = [&](const std::string& list) { return R"({"more": )" + list + "," + body.substr(1); };
  std::string many(300'000, '['), commas(300'000, ',');
  for (const auto& refused : {many, with("[" + commas + "]"), with(many)}) {
    auto r = ask("POST", "/v1/chat/completions", refused);
    EXPECT_EQ(r.status, 413);
    EXPECT_THAT(r.body, HasSubstr("at most 262144 values"));
  }
  auto text = json(commas + "\"[\\" + commas).dump();
  EXPECT_EQ(ask("POST", "/v1/chat/completions", with(text)).status, 200) << "what is in a text is none";
}

TEST_F(BadInput, WhatIsTooLargeIsNotRead) {
  start();
  EXPECT_EQ(ask("POST", "/v1/chat/completions", std::string(2 << 20, ' ')).status, 413);
  http_connection c{port_};
  c.send("POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  std::string chunk = "10000\r\n" + std::string(0x10000, ' ') + "\r\n";
  for (int i = 0; i < 17; ++i) c.send(chunk);
  EXPECT_THAT(c.rest(), testing::AllOf(StartsWith("HTTP/1.1 413 "), HasSubstr("at most 1048576 bytes")));
}

TEST_F(BadInput, StreamsBeyondTheBoundAreToldWhenToComeBack) {
  start({}, [](rpc::door_limits& limits) { limits.turns_per_client_max = 1; });
  http_connection first{port_};
  first.send(http_request("POST", "/v1/chat/completions", endless(60'000).dump()));
  first.some();
  for (std::string path : answering) {
    auto r = ask("POST", path, request_to(path).dump());
    EXPECT_EQ(r.status, 429) << r.body;
    EXPECT_EQ(r.json()["error"]["type"], "rate_limit_error");
    EXPECT_GE(std::stoi("0" + r.header("retry-after")), 1);
  }
}

TEST_F(BadInput, CallsBeyondTheBoundAreToldWhenToComeBack) {
  start({}, [](rpc::door_limits& limits) { limits.calls_per_client_max = 1; });
  http_connection first{port_};
  first.send(http_request("POST", "/v1/chat/completions", endless(60'000).dump()));
  first.some();
  for (std::string path : {"/v1/conversations", "/v1/responses/none"}) {
    auto r = ask("GET", path);
    EXPECT_EQ(r.status, 429) << r.body;
    EXPECT_GE(std::stoi("0" + r.header("retry-after")), 1);
  }
}

TEST_F(BadInput, AClientThatStopsReadingIsLetGoAndTakesNoMemory) {
  start({}, [](rpc::door_limits& limits) { limits.message_within = 300ms; });
  post(long_chat(1000));
  auto before = resident_bytes();
  auto idle = streams_that_nobody_reads(2, 8192);
  wait_for("turns_under_way", 0);
  EXPECT_EQ(gateway_counter("turns_cancelled"), 2);
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  GTEST_SKIP() << "a sanitizer keeps what was freed, or what is said of it";
#endif
  EXPECT_LT(resident_bytes(), before + (32u << 20));
}

TEST_F(BadInput, StreamsThatNobodyReadsLeaveTheirPlacesWhenTheyAreComplete) {
  start({}, [](rpc::door_limits& limits) {
    limits.turns_per_client_max = 2;
    limits.read_within = limits.message_within = 600s;
  });
  auto unread = streams_that_nobody_reads(2, 400);
  wait_for("turns_under_way", 0);
  EXPECT_TRUE(is_served_soon());
  for (auto& c : unread) EXPECT_TRUE(comes_to_its_end(*c)) << "nothing of it is lost";
  EXPECT_EQ(gateway_counter("turns_cancelled"), 0);
}

TEST_F(BadInput, StreamsThatNobodyReadsAndThatGoOnGiveWay) {
  start({}, [](rpc::door_limits& limits) {
    limits.turns_per_client_max = 2;
    limits.read_within = 300ms;
    limits.message_within = 600s;
  });
  auto unread = streams_that_nobody_reads(2, 8192);
  wait_for("turns_cancelled", 2);
  EXPECT_TRUE(is_served_soon());
}

TEST_F(BadInput, HeadersAndRequestLinesHaveABound) {
  start();
  // What is beyond it is not read, so that the answer, if there is one, may not arrive.
  auto refused = testing::AnyOf(0, 431);
  std::string much(300'000, 'x');
  EXPECT_THAT(send("GET /" + much + " HTTP/1.1\r\nHost: localhost\r\n\r\n").status, refused);
  EXPECT_THAT(send("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: " + much + "\r\n\r\n").status, refused);
  EXPECT_EQ(send("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(8'000, 'x') + "\r\n\r\n").status,
            200);
  EXPECT_EQ(send("FETCH /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 501);
  EXPECT_EQ(send("GET /v1/models HTTP/1.1\r\nno colon\r\n\r\n").status, 400);
}

TEST_F(BadInput, WhoSendsSlowlyIsNotWaitedFor) {
  start({}, [](rpc::door_limits& limits) { limits.login_within = limits.message_within = 200ms; });
  http_connection head{port_}, body{port_};
  head.send("POST /v1/chat/completions HTTP/1.1\r\nHost: loc");
  body.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
  EXPECT_THAT(body.rest(), StartsWith("HTTP/1.1 408 ")) << "and it is closed";
  EXPECT_EQ(head.rest(), "");
  EXPECT_EQ(get("/healthz").status, 200);
}

TEST_F(BadInput, EveryPathSaysWhichMethodsItKnows) {
  start();
  for (const auto& e : http::endpoints()) {
    std::string path{e.path}, methods{e.methods};
    for (std::size_t at; (at = path.find('*')) != path.npos;) path.replace(at, 1, "name");
    for (std::string method : {"GET", "POST", "PUT", "DELETE", "PATCH"}) {
      auto r = ask(method, path, method == "POST" ? "{}" : "");
      bool refused = r.status == 405;
      EXPECT_EQ(refused, methods.find(method) == methods.npos) << method << ' ' << path;
      if (refused) {
        EXPECT_EQ(r.header("allow"), methods);
        EXPECT_TRUE(r.json()["error"]["message"].is_string());
      }
    }
    auto options = ask("OPTIONS", path);
    EXPECT_EQ(options.status, 204);
    EXPECT_EQ(options.header("allow"), methods);
  }
  EXPECT_EQ(ask("OPTIONS", "/nothing").status, 404);
}

TEST_F(BadInput, AHeadHasNoBody) {
  start();
  for (std::string path : {"/v1/models", "/healthz", "/v1/conversations", "/metrics"}) {
    http_connection c{port_};
    c.send("HEAD " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    auto all = c.rest();
    EXPECT_THAT(all, StartsWith("HTTP/1.1 200 OK"));
    EXPECT_EQ(all.find("\r\n\r\n") + 4, all.size()) << all;
  }
}

TEST_F(BadInput, AConnectionIsClosedBehindTheAnswerToWhoAsksForIt) {
  start();
  for (std::string value : {"close", "Close", "keep-alive, close"}) {
    http_connection c{port_};
    c.send("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: " + value + "\r\n\r\n");
    EXPECT_EQ(c.reply().header("Connection"), "close") << value;
    EXPECT_EQ(c.rest(), "");
  }
  http_connection c{port_};
  auto stream = endless(3).dump();
  c.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " +
         std::to_string(stream.size()) + "\r\n\r\n" + stream);
  EXPECT_THAT(c.rest(), testing::AllOf(HasSubstr("Connection: close"), HasSubstr("data: [DONE]"))) << "a stream, too";
  http_connection kept{port_};
  kept.send("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.reply().header("Connection"), "");
  kept.send("GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(kept.reply().status, 200);
}

TEST_F(BadInput, RequestsOneBehindTheOtherAreAnsweredInTheirOrder) {
  start();
  http_connection c{port_};
  std::string all;
  for (int i = 1; i <= 3; ++i) {
    auto body = endless(static_cast<std::uint32_t>(i));
    body["stream"] = false;
    all += http_request("POST", "/v1/chat/completions", body.dump());
  }
  c.send(all + http_request("POST", "/v1/chat/completions", "{"));
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(c.reply().json()["usage"]["completion_tokens"], i);
  EXPECT_EQ(c.reply().status, 400);
}

/// A request as a page of another site sends it.
std::string from_page(const std::string& line, const std::string& origin, const std::string& more = {}) {
  return line + " HTTP/1.1\r\nHost: localhost\r\nOrigin: " + origin + "\r\n" + more + "\r\n";
}

TEST_F(BadInput, PagesOfOtherSitesAreServedWhereTheyAreNamed) {
  origins_ = {"https://chat.example", "http://localhost:3000"};
  start();
  for (const auto& origin : origins_) {
    auto r = send(from_page("GET /v1/models", origin));
    EXPECT_EQ(r.status, 200);
    EXPECT_EQ(r.header("access-control-allow-origin"), origin);
    EXPECT_EQ(r.header("vary"), "origin");
    auto before = send(from_page("OPTIONS /v1/chat/completions", origin,
                                 "Access-Control-Request-Method: POST\r\n"
                                 "Access-Control-Request-Headers: authorization,content-type\r\n"));
    EXPECT_EQ(before.status, 204);
    EXPECT_EQ(before.header("access-control-allow-origin"), origin);
    EXPECT_EQ(before.header("access-control-allow-methods"), "POST");
    EXPECT_EQ(before.header("access-control-allow-headers"), "authorization,content-type");
    EXPECT_EQ(send(from_page("GET /nothing", origin)).header("access-control-allow-origin"), origin) << "errors, too";
  }
  for (std::string other :
       {"https://evil.example", "https://chat.example.evil.example", "http://chat.example", "null"}) {
    EXPECT_EQ(send(from_page("GET /v1/models", other)).status, 403) << other;
    EXPECT_EQ(send(from_page("OPTIONS /v1/models", other)).header("access-control-allow-origin"), "") << other;
  }
}

TEST_F(BadInput, AnOriginThatNoBrowserSaysIsNotTaken) {
  for (auto text : {"chat.example", "https://chat.example/", "https://", "https://Chat.Example", "*"}) {
    origins_ = {text};
    EXPECT_THROW(start(), rpc::server_error) << text;
    stop();
  }
}

}  // namespace
}  // namespace chromatin::test

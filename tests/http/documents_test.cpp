// docs/http.md says of each endpoint and field what the code does.

#include <set>
#include <sstream>

#include <gmock/gmock.h>

#include "http/endpoints.hpp"
#include "tests/http/fixture.hpp"
#include "tests/support/document.hpp"
#include "tests/support/pattern.hpp"

namespace chromatin::test {
namespace {

/// The cells of the tables below a heading of docs/http.md.
std::vector<std::vector<std::string>> rows_below(const std::string& heading) {
  std::istringstream part{section_of(content_of("docs/http.md"), heading)};
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(part, line);)
    if (line.starts_with("| `")) rows.push_back(cells_of(line));
  return rows;
}

TEST(HttpDocument, HasEveryEndpoint) {
  std::set<std::string> documented, served;
  for (const auto& row : rows_below("Endpoints")) {
    auto path = pattern{"ID"}.replaced(code_spans(row.at(1)).at(0), "*");
    for (const auto& method : code_spans(row.at(0))) {
      documented.insert(method + ' ' + path);
      if (method == "GET") documented.insert("HEAD " + path);
    }
  }
  for (const auto& e : http::endpoints())
    for (const char* method : {"GET", "HEAD", "POST", "DELETE"})
      if (http::knows(e.methods, method)) served.insert(method + (' ' + std::string{e.path}));
  EXPECT_EQ(documented, served);
}

struct interface {
  std::string path;
  std::size_t column;
  json usual;
};

const std::vector<interface> interfaces{
    {"/v1/chat/completions", 1, {{"messages", {message("user", "hi")}}, {"max_tokens", 1}}},
    {"/v1/responses", 2, {{"input", "hi"}, {"max_output_tokens", 1}}},
    {"/v1/completions", 3, {{"prompt", "hi"}, {"max_tokens", 1}}}};

class HttpDocumentFields : public HttpServer {
 protected:
  /// What is said of this value of a field: the status, and whether an error names the field.
  std::pair<int, bool> told(const interface& of, const std::string& field, const json& value) {
    auto body = of.usual;
    body[field] = value;
    auto r = send(http_request("POST", of.path, body.dump()));
    if (r.status == 200) return {200, false};
    auto param = r.json()["error"]["param"];
    return {r.status, param.is_string() && param.get<std::string>().starts_with(field)};
  }
  void check(const interface& of, const std::string& field, const std::string& says) {
    if (says.empty()) return;  // not a field of this interface
    SCOPED_TRACE(of.path + " " + field + ": " + says);
    const json odd = {json{{"x", json::object()}}, json{"x", 1}, json(-1.5), json("x y"), json(true)};
    bool named = false;
    for (const auto& value : odd) {
      auto [status, names] = told(of, field, value);
      named |= names;
      if (says == "ignored") {
        EXPECT_EQ(status, 200) << value;
      }
      if (says == "refused") {
        EXPECT_TRUE(status == 400 && names) << value;
      }
    }
    if (says == "served") {
      EXPECT_TRUE(named) << "nothing is wrong with anything";
    }
    if (says == "refused") {
      EXPECT_EQ(told(of, field, nullptr).first, 200) << "asks for nothing";
    }
    EXPECT_THAT(says, testing::AnyOf("served", "refused", "ignored"));
  }
};

TEST_F(HttpDocumentFields, AreServedRefusedOrIgnoredAsItSays) {
  start();
  std::size_t count = 0;
  for (const auto& row : rows_below("Fields"))
    for (const auto& field : code_spans(row.at(0)))
      for (const auto& of : interfaces) {
        check(of, field, row.at(of.column));
        ++count;
      }
  EXPECT_GT(count, 100u);
}

TEST(HttpDocument, HasEveryFieldThatIsRead) {
  std::set<std::string> documented;
  for (const auto& row : rows_below("Fields"))
    for (const auto& field : code_spans(row.at(0))) documented.insert(field);
  static const pattern read{R"re(body\.(?:find|text|flag|number|whole|refuse|refuse_unless)\(\s*"([a-z_]+)")re"},
      list{R"re(for \(const char\* name : \{([^}]*)\}\))re"}, word{R"re("([a-z_]+)")re"};
  std::size_t count = 0;
  for (std::string file : {"answer_fields", "chat_request", "completion_request", "response_request"}) {
    auto source = content_of("http/" + file + ".cpp");
    auto expect_all = [&](const std::string& text, const pattern& what) {
      for (const auto& found : what.all_in(text)) {
        EXPECT_TRUE(documented.contains(found[1])) << file << ": " << found[1];
        ++count;
      }
    };
    expect_all(source, read);
    for (const auto& found : list.all_in(source)) expect_all(found[1], word);
  }
  EXPECT_GT(count, 40u);
}

}  // namespace
}  // namespace chromatin::test

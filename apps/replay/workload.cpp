#include "apps/replay/workload.hpp"

#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chromatin::replay {
namespace {

using nlohmann::json;

/// A field, or null where it is not there.
const json& field(const json& object, const char* name) {
  static const json none;
  auto found = object.find(name);
  return found == object.end() ? none : *found;
}

/// The text of a content; what of it is no text is left out. False if it is no content at all.
bool read_content(const json& content, std::string& text, reading& what) {
  if (content.is_null()) return true;  // a message that only calls tools
  if (content.is_string()) {
    text = content.get<std::string>();
    return true;
  }
  if (!content.is_array()) return false;
  for (const auto& part : content) {
    if (!part.is_object()) return false;
    if (const auto& words = field(part, "text"); words.is_string())
      text += (text.empty() ? "" : "\n") + words.get<std::string>();
    else
      ++what.left_out[(field(part, "type").is_string() ? part["type"].get<std::string>() : "unnamed") + " parts"];
  }
  return true;
}

void add_message(sitting& into, const std::string& role, std::string text, reading& what) {
  bool begun = !into.user_turns.empty() || !into.system.empty();
  if (text.empty()) {
    ++what.left_out["messages without text"];
  } else if (role == "user") {
    into.user_turns.push_back(std::move(text));
    into.recorded.emplace_back();
  } else if (role == "assistant" && !into.user_turns.empty()) {
    auto& answer = into.recorded.back();
    answer += (answer.empty() ? "" : "\n") + text;
  } else if (role == "assistant") {
    ++what.left_out["answers before the first user message"];
  } else if ((role == "system" || role == "developer") && !begun) {
    into.system = std::move(text);
  } else {
    ++what.left_out[role == "system" || role == "developer" ? "later system messages" : role + " messages"];
  }
}

sitting read_one(const json& object, const std::string& where, reading& what) {
  const auto& body = object.is_object() ? field(object, "body") : object;
  const auto& holder = body.is_object() ? body : object;
  const auto& messages = holder.is_object() ? field(holder, "messages") : holder;
  if (!messages.is_array())
    throw std::runtime_error(fmt::format("{}: not a JSON object in UTF-8 with \"messages\"", where));
  sitting result;
  for (const auto& message : messages) {
    std::string text;
    if (!message.is_object() || !field(message, "role").is_string() ||
        !read_content(field(message, "content"), text, what) || (!message.contains("content") && message.size() == 1))
      throw std::runtime_error(fmt::format("{}: a message needs a role and a content", where));
    add_message(result, message["role"].get<std::string>(), std::move(text), what);
  }
  return result;
}

/// A file that is one JSON value: a conversation, or a list of them.
std::vector<std::pair<std::string, json>> conversations_in(json document, const std::string& file) {
  bool many = document.is_array() && (document.empty() || !document.front().contains("role"));
  std::vector<std::pair<std::string, json>> all;
  if (!many) {
    all.emplace_back(file, std::move(document));
    return all;
  }
  for (std::size_t i = 0; i < document.size(); ++i)
    all.emplace_back(fmt::format("{}, conversation {}", file, i + 1), std::move(document[i]));
  return all;
}

class collector {
 public:
  collector(std::size_t limit, reading& what) : limit_{limit}, what_{what} {}
  bool full() const { return limit_ > 0 && all.size() >= limit_; }
  void add(const json& object, const std::string& where) {
    auto one = read_one(object, where, what_);
    if (one.user_turns.empty()) {
      ++what_.left_out["conversations without a user's message"];
      return;
    }
    what_.conversations += 1;
    what_.user_turns += one.user_turns.size();
    what_.system_prompts += one.system.empty() ? 0 : 1;
    for (const auto& answer : one.recorded) what_.recorded_answers += answer.empty() ? 0 : 1;
    all.push_back(std::move(one));
  }
  std::vector<sitting> all;

 private:
  std::size_t limit_;
  reading& what_;
};

}  // namespace

std::vector<sitting> read_conversations(std::istream& in, const std::string& file, std::size_t limit, reading* what) {
  if (!in) throw std::runtime_error(fmt::format("{}: cannot be read", file));
  reading own;
  collector found{limit, what != nullptr ? *what : own};
  std::string line;
  bool first = true;
  for (std::size_t number = 1; !found.full() && std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    auto value = json::parse(line, nullptr, false);
    // A value that goes on in the next line, or a list: the file is one value.
    if (std::exchange(first, false) && (value.is_discarded() || value.is_array())) {
      auto document = json::parse(line + "\n" + std::string{std::istreambuf_iterator<char>{in}, {}}, nullptr, false);
      if (!document.is_discarded()) {
        for (const auto& [where, object] : conversations_in(std::move(document), file))
          if (!found.full()) found.add(object, where);
        break;
      }
    }
    found.add(value, fmt::format("{}:{}", file, number));
  }
  if (found.all.empty()) throw std::runtime_error(fmt::format("{}: holds no conversation", file));
  return std::move(found.all);
}

std::vector<sitting> string_together(std::vector<sitting> conversations, std::size_t join, reading* what) {
  std::vector<sitting> sittings;
  for (std::size_t i = 0; i < conversations.size(); ++i) {
    auto& from = conversations[i];
    if (i % join == 0) {
      sittings.push_back(std::move(from));
      continue;
    }
    auto& into = sittings.back();
    if (!from.system.empty() && from.system != into.system && what != nullptr)
      ++what->left_out["system prompts of conversations that were strung to others"];
    std::move(from.user_turns.begin(), from.user_turns.end(), std::back_inserter(into.user_turns));
    std::move(from.recorded.begin(), from.recorded.end(), std::back_inserter(into.recorded));
  }
  return sittings;
}

std::string describe(const reading& what, bool uses_recorded) {
  auto text = fmt::format("{} conversations, {} user turns, {} system prompts; {} recorded answers {}",
                          what.conversations, what.user_turns, what.system_prompts, what.recorded_answers,
                          uses_recorded ? "stand in the history in place of what was generated" : "not used");
  for (const auto& [name, count] : what.left_out)
    text += fmt::format("{}{} {}", name == what.left_out.begin()->first ? "; left out: " : ", ", count, name);
  return text;
}

}  // namespace chromatin::replay

/// chromatin conversations: what a server keeps; a list, or what was said in one.

#include "apps/conversations.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "apps/commands.hpp"

namespace chromatin {
namespace {

using json = nlohmann::ordered_json;

struct conversations_flags {
  std::string server = "127.0.0.1:7411", token, id;
  bool as_json = false;
};

void print_json(const json& value) { fmt::print("{}\n", value.dump(2, ' ', false, json::error_handler_t::replace)); }

json to_json(const conversation_info& info) {
  return {{"id", info.id},         {"version", info.version},     {"messages", info.messages},
          {"tokens", info.tokens}, {"last_role", info.last_role}, {"damaged", info.damaged}};
}

message_list all_said(rpc::conversation& conversation) {
  message_list said;
  while (true) {
    auto page = conversation.read(static_cast<std::uint32_t>(said.size()));
    said.insert(said.end(), page.messages.begin(), page.messages.end());
    if (page.messages.empty() || said.size() >= page.total) return said;
  }
}

void list(rpc::client& client, bool as_json) {
  if (!as_json) return print_conversations(client);
  auto all = json::array();
  each_conversation(client, [&](const conversation_info& info) { all.push_back(to_json(info)); });
  print_json(all);
}

void show(rpc::client& client, const std::string& id, bool as_json) {
  auto conversation = client.find(id);
  auto said = all_said(conversation);
  if (as_json) {
    auto messages = json::array();
    for (const auto& m : said) messages.push_back({{"role", m.role}, {"content", m.content}});
    auto value = to_json(conversation.info());
    value["messages"] = messages;
    return print_json(value);
  }
  for (const auto& m : said) fmt::print("{}: {}\n", m.role, m.content);
}

}  // namespace

void each_conversation(rpc::client& client, const std::function<void(const conversation_info&)>& take) {
  for (std::string after;;) {
    auto page = client.list(after);
    if (page.empty()) return;
    for (const auto& info : page) take(info);
    after = page.back().id;
  }
}

void print_conversations(rpc::client& client) {
  each_conversation(client, [](const conversation_info& info) {
    fmt::print("{:<34}{:>6} messages{:>9} of {} tokens{}{}\n", info.id, info.messages, info.tokens, info.context_tokens,
               info.last_role == "user" ? ", not answered" : "", info.damaged ? ", damaged" : "");
  });
}

void add_conversations_command(CLI::App& app) {
  auto* command = app.add_subcommand("conversations", "List a server's conversations, or show what was said in one");
  auto flags = std::make_shared<conversations_flags>();
  command->add_option("name", flags->id, "the conversation to show (default: a list of all)");
  command->add_option("--server", flags->server, "HOST:PORT or unix:PATH")->capture_default_str();
  command->add_option("--token", flags->token, "the tenant's token");
  command->add_flag("--json", flags->as_json, "as JSON");
  command->callback([flags] {
    rpc::client client{flags->server, flags->token};
    flags->id.empty() ? list(client, flags->as_json) : show(client, flags->id, flags->as_json);
  });
}

}  // namespace chromatin

/// chromatin conversations: what a server keeps; a list, or what was said in one.

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "apps/chat/conversation_list.hpp"
#include "apps/commands.hpp"
#include "apps/output.hpp"
#include "apps/server_flags.hpp"

namespace chromatin {
namespace {

using json = nlohmann::ordered_json;

struct conversations_flags {
  server_flags server;
  std::string id;
  bool as_json = false;
};

json to_json(const conversation_info& info) {
  return {{"id", info.id},         {"version", info.version},     {"messages", info.messages},
          {"tokens", info.tokens}, {"last_role", info.last_role}, {"damaged", info.damaged}};
}

void list_conversations(rpc::client& client, bool as_json) {
  if (!as_json) return chat::print_conversations(client);
  auto all = json::array();
  chat::each_conversation(client, [&](const conversation_info& info) { all.push_back(to_json(info)); });
  print_json(all);
}

void show(rpc::client& client, const std::string& id, bool as_json) {
  auto conversation = client.find(id);
  auto said = chat::said_in(conversation);
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

void add_conversations_command(CLI::App& app) {
  auto* command = app.add_subcommand("conversations", "List a server's conversations, or show what was said in one");
  auto flags = std::make_shared<conversations_flags>();
  command->add_option("name", flags->id, "the conversation to show (default: a list of all)");
  add_server_flags(*command, flags->server);
  command->add_flag("--json", flags->as_json, "as JSON");
  command->callback([flags] {
    auto client = connect(flags->server);
    flags->id.empty() ? list_conversations(client, flags->as_json) : show(client, flags->id, flags->as_json);
  });
}

}  // namespace chromatin

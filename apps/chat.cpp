/// chromatin chat: a conversation with a server, in the terminal or through a pipe.

#include <iostream>

#include <fmt/core.h>
#include <unistd.h>

#include "apps/commands.hpp"
#include "apps/conversations.hpp"
#include "rpc/client.hpp"

namespace chromatin {
namespace {

struct chat_flags {
  std::string server = "127.0.0.1:7411", token, id, system_prompt;
  bool list = false;
  model::sampling sampling = {.tokens_max = 0};
  int keep_priority = kv::usual_priority;
  std::uint32_t keep_s = 0;
};

constexpr const char* help_text =
    "/new          start a new conversation\n"
    "/open NAME    continue another one\n"
    "/fork [NAME]  go on in a copy\n"
    "/truncate     drop the older half of the window\n"
    "/forget       forget this conversation and start a new one\n"
    "/info         name and length of this conversation\n"
    "/list         your conversations\n"
    "/show         what was said in this one\n"
    "/quit         leave; the conversation stays\n";

struct chat_session {
  rpc::client client;
  rpc::conversation conversation;
  model::sampling sampling;
  kv::retention keep;
  std::string system_prompt;  ///< of conversations that are made
  bool terminal;

  void dim(const std::string& line) const {
    fmt::print(stderr, "{}{}{}\n", terminal ? "\033[2m" : "", line, terminal ? "\033[0m" : "");
  }

  void show_info(const conversation_info& info) const {
    dim(fmt::format("{}: {} messages, {} of {} tokens", info.id, info.messages, info.tokens, info.context_tokens));
  }

  void say(const std::string& text) {
    auto report = conversation.say({.text = text, .sampling = sampling, .keep = keep}, [](std::string_view piece) {
      fmt::print("{}", piece);
      std::fflush(stdout);
    });
    fmt::print("\n");
    std::fflush(stdout);
    const auto& s = report.server;
    if (s.dropped_tokens > 0)
      dim(fmt::format("the window was full: its oldest {} tokens are out of sight, the others keep their cache",
                      s.dropped_tokens));
    std::string sources;
    for (const auto& hit : s.hits)
      sources += fmt::format("{} {}{}, ", hit.tokens, sources.empty() ? "from " : "", hit.tier);
    dim(fmt::format("{} tokens: {}{} computed · first token {:.1f} ms · {} tokens in {:.0f} ms", s.prompt_tokens,
                    sources, s.computed_tokens, static_cast<double>(report.first_text_us) / 1e3, s.answer_tokens,
                    static_cast<double>(report.total_us) / 1e3));
  }

  /// What was said so far.
  void show_messages() {
    for (std::uint32_t first = 0;;) {
      auto page = conversation.read(first);
      for (const auto& m : page.messages) fmt::print("{}: {}\n", m.role, m.content);
      first += static_cast<std::uint32_t>(page.messages.size());
      if (page.messages.empty() || first >= page.total) return;
    }
  }

  /// False when the user wants to leave.
  bool command(const std::string& line) {
    auto space = line.find(' ');
    auto verb = line.substr(0, space);
    auto rest = space == std::string::npos ? std::string{} : line.substr(space + 1);
    if (verb == "/quit") return false;
    if (verb == "/new" || verb == "/open")
      conversation = client.open(rest, system_prompt);
    else if (verb == "/fork")
      conversation = conversation.fork(rest);
    else if (verb == "/truncate")
      conversation.truncate(0, 0.5);
    else if (verb == "/forget") {
      conversation.forget();
      conversation = client.open({}, system_prompt);
    } else if (verb == "/list" || verb == "/show") {
      verb == "/list" ? print_conversations(client) : show_messages();
      return true;
    } else if (verb != "/info") {
      fmt::print(stderr, "{}", help_text);
      return true;
    }
    show_info(conversation.refresh());
    return true;
  }

  void run() {
    show_info(conversation.info());
    std::string line;
    while (true) {
      if (terminal) fmt::print(stderr, "> ");
      if (!std::getline(std::cin, line)) return;
      if (line.empty()) continue;
      try {
        if (line.front() != '/')
          say(line);
        else if (!command(line))
          return;
      } catch (const rpc::call_error& e) {
        if (e.code() == "not_available" || !terminal) throw;
        fmt::print(stderr, "chromatin: {}\n", e.what());
      }
    }
  }
};

}  // namespace

void add_chat_command(CLI::App& app) {
  auto* command = app.add_subcommand("chat", "Chat with a server; /help lists the commands");
  auto flags = std::make_shared<chat_flags>();
  command->add_option("--server", flags->server, "HOST:PORT or unix:PATH")->capture_default_str();
  command->add_option("--token", flags->token, "the tenant's token");
  command->add_option("--id", flags->id, "conversation to open or to make (default: a new one)");
  command->add_option("--system", flags->system_prompt, "system prompt of conversations that are made");
  command->add_option("--temperature", flags->sampling.temperature, "0: always the likeliest token")
      ->capture_default_str();
  command->add_option("--top-k", flags->sampling.top_k, "only the k likeliest tokens; 0: all");
  command->add_option("--top-p", flags->sampling.top_p, "only the likeliest tokens that sum up to p");
  command->add_option("--seed", flags->sampling.seed, "of the sampling");
  command->add_option("--stop", flags->sampling.stop, "text that ends an answer, several allowed");
  command->add_option("--keep", flags->keep_s,
                      "seconds for which its cache is kept before others'; needs --keep-priority");
  command->add_option("--keep-priority", flags->keep_priority, "0 to 100, above 50: longer than others'")
      ->check(CLI::Range(0, 100));
  command->add_option("--answer-tokens", flags->sampling.tokens_max, "at most (default: the model's)");
  command->add_flag("--list", flags->list, "list the conversations there are instead");
  command->callback([flags] {
    rpc::client client{flags->server, flags->token};
    if (flags->list) return print_conversations(client);
    auto conversation = client.open(flags->id, flags->system_prompt);
    chat_session{
        std::move(client),
        std::move(conversation),
        flags->sampling,
        kv::retention{static_cast<std::uint8_t>(flags->keep_priority), std::int64_t{flags->keep_s} * 1'000'000},
        flags->system_prompt,
        ::isatty(STDIN_FILENO) == 1}
        .run();
  });
}

}  // namespace chromatin

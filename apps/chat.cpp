/// chromatin chat: a conversation with a server, in the terminal or through a pipe.

#include <iostream>
#include <random>

#include <unistd.h>

#include "apps/chat/conversation_list.hpp"
#include "apps/chat/interrupts.hpp"
#include "apps/chat/session.hpp"
#include "apps/commands.hpp"
#include "apps/server_flags.hpp"

namespace chromatin {
namespace {

struct chat_flags {
  server_flags server;
  std::string id;
  bool list = false;
  chat::session_options session;
  int keep_priority = kv::usual_priority;
  std::uint32_t keep_s = 0;
};

/// Short enough to be typed again.
std::uint64_t random_seed() { return std::random_device{}(); }

void chat_command(const chat_flags& flags) {
  auto client = connect(flags.server);
  if (flags.list) return chat::print_conversations(client);
  auto options = flags.session;
  options.new_seed = random_seed;
  options.keep = {static_cast<std::uint8_t>(flags.keep_priority), std::int64_t{flags.keep_s} * 1'000'000};
  options.terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
  options.fresh = flags.id.empty();
  auto conversation = client.open(flags.id, options.system_prompt);
  std::optional<chat::interrupts> interrupts;
  if (options.terminal) options.interrupts = interrupts.emplace().fd();
  auto input = options.terminal ? chat::make_terminal_input(options.interrupts) : chat::make_pipe_input(std::cin);
  chat::session{std::move(client), std::move(conversation), std::move(options), std::move(input)}.run();
}

}  // namespace

void add_chat_command(CLI::App& app) {
  auto* command = app.add_subcommand("chat", "Chat with a server; /help lists the commands");
  auto flags = std::make_shared<chat_flags>();
  auto& sampling = flags->session.sampling;
  add_server_flags(*command, flags->server);
  command->add_option("--id", flags->id, "conversation to open or to make (default: a new one)");
  command->add_option("--system", flags->session.system_prompt, "system prompt of conversations that are made");
  command->add_option("--temperature", sampling.temperature, "0: always the likeliest token")->capture_default_str();
  command->add_option("--top-k", sampling.top_k, "only the k likeliest tokens; 0: all");
  command->add_option("--top-p", sampling.top_p, "only the likeliest tokens that sum up to p");
  command->add_option("--seed", flags->session.seed, "of the sampling (default: a random one for each answer, shown)");
  command->add_option("--stop", sampling.stop, "text that ends an answer, several allowed");
  command->add_option("--keep", flags->keep_s,
                      "seconds for which its cache is kept before others'; needs --keep-priority");
  command->add_option("--keep-priority", flags->keep_priority, "0 to 100, above 50: longer than others'")
      ->check(CLI::Range(0, 100));
  command->add_option("--answer-tokens", sampling.tokens_max, "at most (default: the model's)");
  command->add_flag("--list", flags->list, "list the conversations there are instead");
  command->callback([flags] { chat_command(*flags); });
}

}  // namespace chromatin

#include "apps/chat/session.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "apps/chat/conversation_list.hpp"
#include "apps/chat/words.hpp"

namespace chromatin::chat {
namespace {

/// Messages that are shown of a conversation that is opened.
constexpr std::uint32_t recent_messages = 20;
/// How long a turn that was cancelled may hold its conversation.
constexpr int lingers_tries = 100;
constexpr auto lingers_pause = std::chrono::milliseconds{50};

std::uint64_t number_of(std::string_view text, const char* what) {
  std::uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size())
    throw usage_error(fmt::format("{}: {} must be a whole number", text, what));
  return number;
}

void check_argument(const std::string& verb, const std::string& rest) {
  for (const auto& c : commands())
    if (c.name == verb && c.argument.empty() && !rest.empty())
      throw usage_error(fmt::format("/{} takes nothing behind it; a blank before the / makes a message of it", verb));
}

}  // namespace

session::session(rpc::client client, rpc::conversation conversation, session_options options,
                 std::unique_ptr<input> from)
    : client_{std::move(client)},
      conversation_{std::move(conversation)},
      options_{std::move(options)},
      input_{std::move(from)},
      blank_{options_.fresh} {}

void session::note(const std::string& line) const {
  if (line.empty()) return;
  fmt::print(stderr, "{}{}{}\n", options_.terminal ? "\033[2m" : "", line, options_.terminal ? "\033[0m" : "");
}

void session::show_info() {
  const auto& info = conversation_.info();
  note(fmt::format("{}: {} messages, {} of {} tokens", info.id, info.messages, info.tokens, info.context_tokens));
}

void session::show_said(std::uint32_t first) {
  if (first > 0) note(fmt::format("… {} messages before these; /show tells them all", first));
  auto number = first;
  for (const auto& m : said_in(conversation_, first))
    fmt::print("{} {}: {}\n", ++number, m.role, options_.terminal ? harmless(m.content) : m.content);
  std::fflush(stdout);
}

void session::show_recent() {
  auto messages = conversation_.info().messages;
  if (messages > 0) show_said(messages - std::min(messages, recent_messages));
}

void session::run() {
  struct at_the_end {
    session& of;
    ~at_the_end() { of.leave(); }
  } end{*this};
  if (options_.terminal) show_recent();
  show_info();
  for (std::string typed;;) {
    auto what = read_message(*input_, typed);
    if (what == came::end) return;
    if (what == came::interrupted) {
      if (std::exchange(interrupted_, true)) return;
      note("^C once more leaves");
      continue;
    }
    interrupted_ = false;
    try {
      if (!take_patiently(read_entry(typed))) return;
    } catch (const rpc::call_error& e) {
      if (e.code() == "not_available" || !options_.terminal) throw;
      fmt::print(stderr, "chromatin: {}\n", e.what());
    } catch (const usage_error& e) {
      if (!options_.terminal) throw;
      fmt::print(stderr, "{}\n", e.what());
    }
  }
}

bool session::take_patiently(const entry& said) {
  for (int tries = 1;; ++tries) {
    try {
      bool goes_on = take(said);
      turn_may_linger_ = interrupted_;
      return goes_on;
    } catch (const rpc::call_error& e) {
      if (e.code() != "busy" || !turn_may_linger_ || tries == lingers_tries) throw;
      std::this_thread::sleep_for(lingers_pause);
    }
  }
}

bool session::take(const entry& said) {
  switch (said.what) {
    case entry::kind::nothing:
      return true;
    case entry::kind::message:
      say(said.text, seed());
      return true;
    case entry::kind::unknown_command:
      throw usage_error(explain_unknown(said.verb));
    case entry::kind::command:
      check_argument(said.verb, said.rest);
      return obey(said.verb, said.rest);
  }
  return true;
}

bool session::obey(const std::string& verb, const std::string& rest) {
  if (verb == "quit") return false;
  if (verb == "help") fmt::print(stderr, "{}", help_text());
  if (verb == "list") print_conversations(client_);
  if (verb == "show") show_said(0);
  if (verb == "edit") edit(rest);
  if (verb == "regenerate") regenerate(rest);
  if (verb == "open") {
    if (rest.empty()) throw usage_error("/open needs the name of a conversation; /list has them");
    open(client_.find(rest), true);
  }
  if (verb == "new") make(rest);
  if (verb == "fork") {
    bool blank = blank_ && rest.empty();
    open(conversation_.fork(rest), false);
    blank_ = blank;
  }
  if (verb == "forget") {
    conversation_.forget();
    blank_ = false;
    make({});
  }
  if (verb == "truncate") conversation_.truncate(0, 0.5);
  if (verb == "truncate" || verb == "info") {
    conversation_.refresh();
    show_info();
  }
  return true;
}

void session::make(const std::string& name) {
  open(client_.open(name, options_.system_prompt), true);
  blank_ = name.empty();
}

/// Who only looked leaves nothing behind: a conversation whose name nobody knows would stay for good.
void session::leave() noexcept try {
  if (std::exchange(blank_, false)) conversation_.forget();
} catch (const std::exception&) {  // the server has gone
}

void session::open(rpc::conversation other, bool show) {
  leave();
  conversation_ = std::move(other);
  if (show) show_recent();
  show_info();
}

void session::say(const std::string& text, std::uint64_t seed) {
  rpc::say_options turn{
      .text = text, .sampling = options_.sampling, .keep = options_.keep, .cancel_fd = options_.interrupts};
  turn.sampling.seed = seed;
  std::size_t shown_bytes = 0;
  rpc::turn_report report;
  try {
    report = conversation_.say(turn, [&](std::string_view piece) {
      shown_bytes += piece.size();
      fmt::print("{}", options_.terminal ? harmless(piece) : piece);
      std::fflush(stdout);
    });
  } catch (const rpc::call_error& e) {
    if (e.code() != "cancelled" || options_.interrupts < 0) throw;
    return cancelled(shown_bytes);
  }
  blank_ = false;
  fmt::print("\n");
  std::fflush(stdout);
  note(why_it_ended(report.server));
  note(what_was_dropped(report.server));
  auto chance = turn.sampling.temperature > 0 ? fmt::format(" · seed {}", seed) : std::string{};
  note(what_it_took(report) + chance);
}

void session::cancelled(std::size_t answer_bytes) {
  interrupted_ = turn_may_linger_ = true;
  if (answer_bytes > 0) blank_ = false;
  fmt::print("\n");
  std::fflush(stdout);
  conversation_.refresh();  // the server hears that the turn is over
  note(answer_bytes > 0 ? "cancelled: what was answered so far stays in the conversation; ^C once more leaves"
                        : "cancelled before anything was answered, as if it had not been said; ^C once more leaves");
}

void session::fork_before(std::uint32_t message) {
  auto from = conversation_.info().id;
  auto other = message > 0 ? conversation_.fork({}, message) : client_.open({}, options_.system_prompt);
  leave();
  conversation_ = std::move(other);
  blank_ = message == 0;
  note(fmt::format("{}: goes on from the first {} messages of {}, which stays as it was", conversation_.info().id,
                   message, from));
}

void session::edit(const std::string& rest) {
  auto blank = rest.find_first_of(" \t\n");
  auto number = number_of(rest.substr(0, blank), "the message's number (/show has it)");
  auto text = blank == rest.npos ? std::string{} : rest.substr(rest.find_first_not_of(" \t\n", blank));
  auto said = said_in(conversation_);
  if (number < 1 || number > said.size())
    throw usage_error(fmt::format("/edit {}: there are messages 1 to {}", number, said.size()));
  const auto& old = said[number - 1];
  if (old.role != "user")
    throw usage_error(fmt::format("/edit {}: that message is the {}'s; /edit takes one of yours", number, old.role));
  if (text.empty() && !options_.terminal) throw usage_error("/edit needs the new words behind the number");
  if (text.empty() && read_message(*input_, text, harmless(old.content)) != came::line) return;
  if (text.find_first_not_of(" \t\n") == text.npos) return note("nothing was edited");
  fork_before(static_cast<std::uint32_t>(number - 1));
  say(text, seed());
}

void session::regenerate(const std::string& rest) {
  auto chosen = rest.empty() ? options_.new_seed() : number_of(rest, "a seed");
  auto said = said_in(conversation_);
  auto last = said.size();
  while (last > 0 && said[last - 1].role != "user") --last;
  if (last == 0) throw usage_error("/regenerate: nothing was said yet");
  if (options_.sampling.temperature <= 0)
    note("temperature 0: the likeliest words come again; `chromatin chat --temperature 0.8` varies them");
  fork_before(static_cast<std::uint32_t>(last - 1));
  say(said[last - 1].content, chosen);
}

}  // namespace chromatin::chat

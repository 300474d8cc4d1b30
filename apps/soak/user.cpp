#include "apps/soak/user.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

namespace chromatin::soak {
namespace {

constexpr std::size_t conversations_each = 5;
constexpr std::size_t messages_max = 40;  ///< of a conversation; then it is forgotten
constexpr auto try_again = std::chrono::milliseconds{30};

/// Errors that say that nothing was done and that it may work later.
constexpr std::array clear_errors{"busy", "overloaded", "context_full", "no_room", "store_failed"};

std::string token_of(const std::string& tenant) { return "token-of-" + tenant; }

}  // namespace

user::user(ground& shared, std::size_t number, std::uint64_t seed)
    : ground_{shared},
      number_{number},
      random_{seed * 1000003 + number},
      tenant_{shared.tenants[number]},
      reference_{shared.reference, token_of(tenant_)},
      next_text_{draw(shared.texts.size())} {
  for (std::size_t i = 0; i < conversations_each; ++i)
    conversations_.push_back({"c" + std::to_string(i), i < 2 ? "You are the concierge of a small hotel." : "", {}});
  conversations_.push_back({"private-to-" + tenant_, "", {}});
}

void user::run() {
  while (true) {
    ground_.pass_gate();
    if (ground_.stopped()) return;
    if (ground_.finishing()) return check_all();
    act();
  }
}

void user::act() {
  auto& c = conversations_[draw(conversations_.size())];
  switch (draw(20)) {
    case 0:
      return fork(c);
    case 1:
      return truncate(c);
    case 2:
      return forget(c);
    case 3:
      return cancel(c);
    case 4:
      return read(c);
    case 5:
      return meet_a_stranger();
    default:
      return say(c);
  }
}

// -- calls --

rpc::client& user::server() {
  if (!server_) server_.emplace(ground_.server, token_of(tenant_));
  return *server_;
}

template <class Call>
user::ending user::attempt(const char* what, Call call) {
  ground_.call_begins(number_);
  ending how = ending::done;
  try {
    call(server());
    last_error_.clear();
  } catch (const rpc::call_error& e) {
    last_error_ = e.code();
    bool refused = std::ranges::find(clear_errors, last_error_) != clear_errors.end();
    how = refused && last_error_ != "store_failed" ? ending::refused : ending::unknown;
    bool gone = last_error_ == "not_available";
    if (gone) server_.reset();
    bool wanted = last_error_ == "cancelled" || last_error_ == "no_conversation";
    if (!refused && !gone && !wanted) ground_.fail(fmt::format("{} of {}: {}", what, tenant_, e.what()));
    if (!gone) ground_.count(fmt::format("clear error {}", last_error_));
  }
  ground_.call_ends(number_);
  if (last_error_ == "not_available") std::this_thread::sleep_for(try_again);
  return how;
}

template <class Call>
bool user::insist(const char* what, Call call) {
  while (!ground_.stopped()) {
    if (attempt(what, call) == ending::done || last_error_ == "no_conversation") return true;
    std::this_thread::sleep_for(try_again);
  }
  return false;
}

std::optional<message_list> user::transcript_of(const conversation& c) {
  message_list all;
  bool known = insist("read", [&](rpc::client& on) {
    all.clear();
    auto found = on.find(c.name);
    for (bool more = true; more;) {
      auto page = found.read(static_cast<std::uint32_t>(all.size()));
      all.insert(all.end(), page.messages.begin(), page.messages.end());
      more = !page.messages.empty() && all.size() < page.total;
    }
  });
  if (!known) return {};
  if (last_error_ == "no_conversation") all.clear();
  if (!c.system.empty() && !all.empty() && all.front().role == "system" && all.front().content == c.system)
    all.erase(all.begin());
  return all;
}

// -- what a user does --

std::string user::next_text() {
  next_text_ = (next_text_ + 1) % ground_.texts.size();
  return ground_.texts[next_text_];
}

rpc::say_options user::next_turn() {
  rpc::say_options turn{.text = next_text()};
  turn.sampling.tokens_max = static_cast<std::uint32_t>(4 + draw(draw(5) ? 16 : 90));
  turn.reuse = draw(10) != 0;
  turn.priority = static_cast<std::uint8_t>(draw(3) * 50);
  return turn;
}

void user::say(conversation& c) {
  auto turn = next_turn();
  rpc::turn_report report;
  auto how = attempt("say", [&](rpc::client& on) { report = on.open(c.name, c.system).say(turn); });
  if (how == ending::refused) return;
  if (how == ending::unknown) return settle_doubt(c, turn);
  ground_.count("turns answered");
  for (const auto& h : report.server.hits) ground_.count("tokens from " + h.tier, h.tokens);
  ground_.count("tokens computed", report.server.computed_tokens);
  ground_.count("tokens dropped from full windows", report.server.dropped_tokens);
  if (report.server.stopped == stop_reason::cancelled)  // the server was told to stop: what it said is kept
    turn.sampling.tokens_max = report.server.answer_tokens;
  stored(c, turn, report.text, false);
}

/// What the server did without an error goes well without faults, too.
template <class Call>
void user::on_reference(const char* what, Call call) {
  try {
    call();
  } catch (const rpc::call_error& e) {
    ground_.fail(fmt::format("{} of {}: done, though without faults there is an error: {}", what, tenant_, e.what()));
  }
}

/// The server has it: so has the reference now, and both said the same.
void user::stored(conversation& c, const rpc::say_options& turn, const std::string& answer, bool may_be_cut) {
  std::string expected;
  on_reference("say", [&] { expected = reference_.open(c.name, c.system).say(turn).text; });
  if (may_be_cut && answer != expected && expected.starts_with(answer)) {
    ground_.count("answers cut short by an orderly end");
    return forget(c);
  }
  ground_.fail(check_answer(tenant_ + "/" + c.name, expected, answer));
  ground_.count("answers compared");
  c.known.push_back({"user", turn.text});
  c.known.push_back({"assistant", answer});
  if (c.known.size() > messages_max) forget(c);
}

void user::settle_doubt(conversation& c, const rpc::say_options& turn) {
  auto found = transcript_of(c);
  if (!found) return;
  switch (fate_of(c.known, turn.text, *found)) {
    case fate::without_trace:
      return ground_.count("unanswered turns without a trace");
    case fate::stored:
      ground_.count("unanswered turns that were stored");
      return stored(c, turn, found->back().content, ground_.ended_orderly);
    case fate::wrong:
      ground_.fail(check_transcript(tenant_ + "/" + c.name, c.known, *found));
      return forget(c);
  }
}

/// Nobody knows how much of the answer is kept.
void user::cancel(conversation& c) {
  auto turn = next_turn();
  attempt("cancelled say", [&](rpc::client& on) {
    on.open(c.name, c.system).say(turn, [](std::string_view) { throw std::runtime_error("enough"); });
  });
  ground_.count("turns cancelled");
  forget(c);
}

void user::fork(conversation& c) {
  auto& copy = conversations_[draw(conversations_.size())];
  if (&copy == &c || c.known.empty()) return;
  forget(copy);
  auto messages = 2 * (1 + draw(c.known.size() / 2));  // fewer than all: a message is edited
  auto count = static_cast<std::uint32_t>(messages + !c.system.empty());
  auto how = attempt("fork", [&](rpc::client& on) { on.find(c.name).fork(copy.name, count); });
  if (how == ending::refused) return;
  if (how == ending::unknown) return forget(copy);
  on_reference("fork", [&] { reference_.find(c.name).fork(copy.name, count); });
  ground_.count(messages < c.known.size() ? "messages edited" : "forks");
  copy.system = c.system;
  copy.known.assign(c.known.begin(), c.known.begin() + static_cast<std::ptrdiff_t>(messages));
}

void user::truncate(conversation& c) {
  if (c.known.empty()) return;
  auto protect = static_cast<std::uint32_t>(draw(2) * draw(100));
  auto how = attempt("truncate", [&](rpc::client& on) { on.find(c.name).truncate(protect, 0.5); });
  if (how == ending::refused) return;
  if (how == ending::unknown) return forget(c);
  on_reference("truncate", [&] { reference_.find(c.name).truncate(protect, 0.5); });
  ground_.count("truncations");
}

void user::forget(conversation& c) {
  if (!insist("forget", [&](rpc::client& on) { on.find(c.name).forget(); })) return;
  try {
    reference_.find(c.name).forget();
  } catch (const rpc::call_error&) {  // it was never there
  }
  c.known.clear();
  ground_.count("forgotten");
}

void user::read(conversation& c) {
  auto found = transcript_of(c);
  if (!found) return;
  ground_.fail(check_transcript(tenant_ + "/" + c.name, c.known, *found));
  ground_.count("transcripts compared");
}

/// Another tenant's names and texts are as if they had never been.
void user::meet_a_stranger() {
  const auto& other = ground_.tenants[draw(ground_.tenants.size())];
  std::vector<std::string> own{"stranger"};
  for (const auto& c : conversations_) own.push_back(c.name);
  conversation_list all;
  if (attempt("list", [&](rpc::client& on) { all = on.list(); }) == ending::done) ground_.fail(check_names(own, all));
  if (other != tenant_ && attempt("find", [&](rpc::client& on) { on.find("private-to-" + other); }) == ending::done)
    ground_.fail(tenant_ + " reaches the conversation that is private to " + other);

  auto text = ground_.take(tenant_);
  bool posts = text.empty();
  if (posts) text = fmt::format("{} {} {} {}", random_(), next_text(), next_text(), next_text());
  rpc::turn_report report;
  rpc::say_options turn{.text = text};
  turn.sampling.tokens_max = 4;
  auto how = attempt("say to a stranger", [&](rpc::client& on) { report = on.open("stranger").say(turn); });
  insist("forget", [&](rpc::client& on) { on.find("stranger").forget(); });
  if (how != ending::done) return;
  if (posts) return ground_.post(tenant_, text);
  ground_.fail(check_stranger(report.server));
  ground_.count("another tenant's texts said");
}

void user::check_all() {
  for (auto& c : conversations_) {
    auto found = transcript_of(c);
    if (!found) continue;
    ground_.fail(check_transcript(tenant_ + "/" + c.name, c.known, *found));
    ground_.count("transcripts compared");
  }
}

}  // namespace chromatin::soak

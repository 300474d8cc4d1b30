#include "rpc/door.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "kv/check.hpp"

namespace chromatin::rpc {
namespace {

using std::chrono::milliseconds;

/// Calls but turns take milliseconds; a connection's place may be held for long.
constexpr milliseconds after_calls{100}, after_connections{1000};
/// What a refusal costs its client: a pause, and what it sent for nothing at this rate.
constexpr std::chrono::nanoseconds refusal_pause = milliseconds{1};
constexpr std::uint64_t refused_bytes_per_ms = 32u << 10;
/// What a call costs but the turn that it may be: itself, and its text.
constexpr std::chrono::nanoseconds call_work = std::chrono::microseconds{100};
constexpr std::uint64_t call_bytes_per_ms = 256u << 10;
/// Work ahead of a client's share that it may cause at once.
constexpr milliseconds work_ahead{100};
/// Bounds of what a turn is taken to cost: from one answer to the next may be long because nobody asks.
constexpr milliseconds turn_costs_min{1}, turn_costs_max{20};
/// Clients that are gone are dropped from the map when it has grown to so many.
constexpr std::size_t clients_swept = 4096;

}  // namespace

connection_account::connection_account(door& of, std::string peer, std::uint64_t id)
    : door_{of}, id_{id}, client_{std::move(peer)}, account_{of.account_of(client_)} {
  ++account_->connections;
  ++door_.counts.connections;
}

connection_account::~connection_account() {
  CHROMATIN_CHECK(calls_ == 0 && turns_ == 0 && handles_ == 0 && bytes_ == 0, "a connection ends after what it holds");
  --account_->connections;
  --door_.counts.connections;
}

std::optional<refusal> connection_account::log_in(const std::string& tenant) {
  if (!tenant.empty()) {
    auto as = "tenant " + tenant;
    auto other = door_.account_of(as);
    if (other != account_ && other->connections >= door_.limits.connections_per_client_max) {
      ++door_.counts.connections_refused;
      return refusal{fmt::format("{} connections of this tenant are open", other->connections), after_connections};
    }
    --account_->connections;
    ++other->connections;
    account_ = std::move(other);
    client_ = std::move(as);
  }
  logged_in_ = true;
  return {};
}

connection_account::hold connection_account::take(hold what) {
  what.of_ = shared_from_this();
  what.client_ = account_;
  calls_ += what.calls_;
  turns_ += what.turns_;
  handles_ += what.handles_;
  bytes_ += what.bytes_;
  if (account_->calls == 0 && what.calls_ > 0) ++door_.clients_served;
  account_->calls += what.calls_;
  account_->turns += what.turns_;
  account_->bytes += what.bytes_;
  return what;
}

void connection_account::hold::give_back() {
  auto of = std::exchange(of_, nullptr);
  if (!of) return;
  CHROMATIN_CHECK(of->calls_ >= calls_ && of->turns_ >= turns_ && of->handles_ >= handles_ && of->bytes_ >= bytes_,
                  "only what was taken is given back");
  of->calls_ -= calls_;
  of->turns_ -= turns_;
  of->handles_ -= handles_;
  of->bytes_ -= bytes_;
  client_->calls -= calls_;
  if (client_->calls == 0 && calls_ > 0) --of->door_.clients_served;
  client_->turns -= turns_;
  client_->bytes -= bytes_;
}

connection_account::hold& connection_account::hold::operator=(hold&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  of_ = std::move(other.of_);
  client_ = std::move(other.client_);
  calls_ = other.calls_;
  turns_ = other.turns_;
  handles_ = other.handles_;
  bytes_ = other.bytes_;
  return *this;
}

bool connection_account::has_room_for(std::uint64_t bytes) const {
  return bytes_ + bytes <= door_.limits.bytes_per_connection_max &&
         account_->bytes + bytes <= door_.limits.bytes_per_client_max;
}

std::optional<refusal> connection_account::refuse_bytes(std::uint64_t bytes) {
  if (has_room_for(bytes)) return {};
  bool own = bytes_ + bytes > door_.limits.bytes_per_connection_max;
  ++door_.counts.bytes_refused;
  owe(bytes);
  return refusal{fmt::format("{} bytes of this {}'s calls wait for their answers", own ? bytes_ : account_->bytes,
                             own ? "connection" : "client"),
                 after_calls};
}

std::optional<refusal> connection_account::begin_call(std::uint64_t bytes, hold& to) {
  bool own = calls_ >= door_.limits.calls_per_connection_max;
  if (own || account_->calls >= door_.limits.calls_per_client_max) {
    ++door_.counts.calls_refused;
    owe(bytes);
    return refusal{fmt::format("{} calls of this {} wait for their answers", own ? calls_ : account_->calls,
                               own ? "connection" : "client"),
                   after_calls};
  }
  if (auto refused = refuse_bytes(bytes)) return refused;
  hold what;
  what.calls_ = 1;
  what.bytes_ = bytes;
  to = take(std::move(what));
  charge(call_work + std::chrono::nanoseconds{bytes * 1'000'000 / call_bytes_per_ms});
  return {};
}

std::optional<refusal> connection_account::more_bytes(std::uint64_t bytes, hold& to) {
  if (auto refused = refuse_bytes(bytes)) return refused;
  keep_bytes(bytes, to);
  return {};
}

bool connection_account::keep_bytes(std::uint64_t bytes, hold& to) {
  if (!has_room_for(bytes)) return false;
  hold what;
  what.bytes_ = bytes;
  to = take(std::move(what));
  return true;
}

std::optional<refusal> connection_account::begin_turn(hold& to) {
  auto refused = [&](std::uint32_t turns, const char* whose) {
    ++door_.counts.turns_refused;
    owe(0);
    return refusal{fmt::format("{} turns of this {} are under way", turns, whose), door_.turns_take.retry_after()};
  };
  if (turns_ >= door_.limits.turns_per_connection_max) return refused(turns_, "connection");
  if (account_->turns >= door_.limits.turns_per_client_max) return refused(account_->turns, "client");
  hold what;
  what.turns_ = 1;
  to = take(std::move(what));
  return {};
}

std::optional<refusal> connection_account::take_handle(hold& to) {
  if (handles_ >= door_.limits.handles_per_connection_max) {
    ++door_.counts.calls_refused;
    owe(0);
    return refusal{fmt::format("this connection holds {} conversations open; let go of some", handles_), after_calls};
  }
  hold what;
  what.handles_ = 1;
  to = take(std::move(what));
  return {};
}

void connection_account::owe(std::uint64_t bytes) {
  account_->owed += refusal_pause + milliseconds{bytes / refused_bytes_per_ms};
}

void connection_account::charge(std::chrono::nanoseconds work) {
  account_->work += work * std::max(1u, door_.clients_served);
}

void connection_account::dropped_turn() {
  charge(std::max<std::chrono::nanoseconds>(door_.turn_costs, turn_costs_min));
}

void connection_account::was_late() {
  if (!std::exchange(late_, true)) ++door_.counts.messages_late;
}

std::chrono::nanoseconds connection_account::pause(std::chrono::steady_clock::time_point now) {
  auto& again = account_->read_again;
  if (account_->owed.count() > 0) again = std::max(again, now) + std::exchange(account_->owed, {});
  auto& until = account_->worked_until;
  until = std::max(until, now - work_ahead) + std::exchange(account_->work, {});
  return std::max<std::chrono::nanoseconds>(std::max(again, until) - now, {});
}

// -- the door --

std::shared_ptr<connection_account> door::connect(const std::string& peer, refusal& why) {
  if (has_place(peer)) return std::make_shared<connection_account>(*this, peer, ++last_id_);
  ++counts.connections_refused;
  why = {is_full() ? fmt::format("{} connections are open", counts.connections)
                   : fmt::format("{} connections from this address are open", account_of(peer)->connections),
         after_connections};
  return nullptr;
}

void door::turn_answered(std::chrono::steady_clock::time_point now) {
  auto since = std::min<std::chrono::nanoseconds>(now - std::exchange(last_answer_, now), turn_costs_max);
  turn_costs += (since - turn_costs) / 16;
}

std::shared_ptr<client_account> door::account_of(const std::string& client) {
  if (clients_.size() >= clients_swept) std::erase_if(clients_, [](const auto& c) { return c.second.expired(); });
  auto& known = clients_[client];
  auto account = known.lock();
  if (!account) known = account = std::make_shared<client_account>();
  return account;
}

}  // namespace chromatin::rpc

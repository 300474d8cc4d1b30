#include "rpc/reception.hpp"

#include <algorithm>
#include <utility>

#include <kj/debug.h>

#include "rpc/accept.hpp"

namespace chromatin::rpc {
namespace {

using clock = std::chrono::steady_clock;

/// So many strangers are a crowd. To be woken for each would cost those who compute more than to serve them.
constexpr std::size_t crowd = 64;
/// Between two looks at a crowd, or after one that failed.
constexpr auto look_pause = 20 * kj::MILLISECONDS;
/// From each socket at a time; a stranger that never speaks costs about 10 us in all.
constexpr int let_in_at_once = 128;
/// Of a crowd, at a time: to serve somebody who has spoken costs ten times as much.
constexpr std::size_t heard_at_once = 16;
/// A message is harder to come by than a connection: who has spoken keeps its place for longer.
constexpr int grace_of_speakers = 10;
/// Connections that are only told why they are not let in; more are closed without a word.
constexpr std::size_t turned_away_max = 64;

}  // namespace

reception::reception(door& of, kj::Timer& timer, kj::UnixEventPort& port, std::function<void(stranger)> serve)
    : door_{of}, timer_{timer}, port_{port}, serve_{std::move(serve)}, lobby_{of} {}

void reception::listen(kj::AutoCloseFd socket, std::function<void(kj::AutoCloseFd)> take) {
  lobby_.watch(socket);
  listeners_.push_back(kj::heap<listener>(listener{kj::mv(socket), std::move(take), {}}));
}

kj::Promise<void> reception::attend() {
  auto then = next::after_a_pause;
  kj::runCatchingExceptions([&] { then = visit(); });  // no memory
  if (then == next::after_a_pause) {
    observer_ = nullptr;
    return timer_.afterDelay(look_pause).then([this] { return attend(); });
  }
  // Last: those who are served already go first.
  if (then == next::at_once) return kj::evalLast([this] { return attend(); });
  return somebody_comes().then([this] { return attend(); });
}

kj::Promise<void> reception::somebody_comes() {
  if (observer_ == nullptr)
    observer_ =
        kj::heap<kj::UnixEventPort::FdObserver>(port_, lobby_.fd(), kj::UnixEventPort::FdObserver::OBSERVE_READ);
  auto comes = KJ_ASSERT_NONNULL(observer_)->whenBecomesReadable();
  auto end = lobby_.next_end();
  if (!end) return comes;
  auto left = std::max<clock::duration>(*end - clock::now(), std::chrono::milliseconds{1});
  return comes.exclusiveJoin(timer_.afterDelay(left.count() * kj::NANOSECONDS));
}

bool reception::is_crowded() const { return lobby_.size() + speakers_.size() >= crowd; }

/// Those who came before are heard before the next are let in, so that who speaks is not taken for silent.
reception::next reception::visit() {
  auto now = clock::now();
  lobby_.look(now);
  bool more = false, must_wait = false;
  for (auto& at : listeners_) {
    auto failure = kj::runCatchingExceptions([&] { more |= let_in_from(*at, now); });  // no file descriptors
    must_wait |= failure != nullptr || at->waits;
  }
  lobby_.look(now);
  auto is_crowd = is_crowded();
  for (auto left = is_crowd ? heard_at_once : lobby_.size(); left > 0; --left) {
    auto s = lobby_.next_that_spoke();
    if (!s) break;
    kj::runCatchingExceptions([&] { serve_(std::move(*s)); });  // who is gone already
  }
  if (is_crowd || must_wait) return next::after_a_pause;
  return more ? next::at_once : next::when_somebody_comes;
}

/// False when nobody waits there any more.
bool reception::let_in_from(listener& at, stranger::time_point now) {
  for (int i = 0; i < let_in_at_once; ++i) {
    if (!at.waits) {
      auto came = accept_from(at.socket);
      if (!came) return false;
      if (at.take) {
        kj::runCatchingExceptions([&] { at.take(kj::mv(came->fd)); });
        continue;
      }
      at.waits.emplace(stranger{kj::mv(came->fd), std::move(came->peer), {}, {}, {}, now, {}});
    }
    if (!find_place(*at.waits, now)) return true;
    auto s = std::move(*at.waits);
    at.waits.reset();
    if (s.account || s.turned_away) lobby_.add(std::move(s));
  }
  return true;
}

/// False if it has to wait. One that is not let in gets no account, and no part in `turned_away_` if it is not even
/// told why.
bool reception::find_place(stranger& s, stranger::time_point now) {
  if (!door_.has_place(s.peer) && make_place(s.peer, now) == place::soon) return false;
  s.account = door_.connect(s.peer, s.why);
  if (!s.account && turned_away_ < turned_away_max) {
    ++turned_away_;
    s.turned_away.reset(&turned_away_);
  }
  return true;
}

reception::place reception::make_place(const std::string& peer, stranger::time_point now) {
  const auto* whose = door_.is_full() ? nullptr : &peer;
  auto grace = door_.limits.login_grace;
  if (lobby_.close_oldest(whose, now - grace)) return place::now;
  auto oldest = std::ranges::find_if(speakers_, [&](const auto& s) { return !whose || s.second->peer == peer; });
  if (oldest == speakers_.end()) return lobby_.holds_place(whose) ? place::soon : place::never;
  if (oldest->second->came <= now - grace_of_speakers * grace) {
    oldest->second->close();
    speakers_.erase(oldest);
  }
  return place::soon;
}

void reception::close() {
  listeners_.clear();
  lobby_.close_all();
}

}  // namespace chromatin::rpc

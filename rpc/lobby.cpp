#include "rpc/lobby.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <capnp/serialize.h>
#include <kj/debug.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace chromatin::rpc {
namespace {

/// Of a first message no more is looked at. One that is longer is heard by who serves the connection.
constexpr std::size_t words_looked_at = 512;
constexpr int events_at_once = 64;

enum class heard { nothing, a_part, a_message, the_end };

/// Looks at what has come, and leaves it where it is. `ends`: nothing more will.
heard listen_to(int fd, bool ends) {
  std::array<capnp::word, words_looked_at> words;
  auto got = ::recv(fd, words.data(), sizeof words, MSG_PEEK | MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? heard::nothing : heard::the_end;
  if (got == 0) return heard::the_end;
  auto whole = kj::arrayPtr(words.data(), static_cast<std::size_t>(got) / sizeof(capnp::word));
  auto size = whole.size() == 0 ? 1 : capnp::expectedSizeInWordsFromPrefix(whole);
  if (size <= whole.size() || whole.size() == words.size()) return heard::a_message;
  return ends ? heard::the_end : heard::a_part;
}

}  // namespace

lobby::lobby(door& of) : door_{of}, events_{::epoll_create1(EPOLL_CLOEXEC)} {
  KJ_REQUIRE(events_.get() >= 0, "no file descriptor is left for the event loop");
}

void lobby::watch(int listening_fd) {
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  KJ_SYSCALL(::epoll_ctl(events_, EPOLL_CTL_ADD, listening_fd, &event));
}

void lobby::add(stranger s) {
  auto at = silent_.insert(silent_.end(), entry{std::move(s), {}});
  at->self = at;
  epoll_event event{.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data = {.ptr = &*at}};
  if (::epoll_ctl(events_, EPOLL_CTL_ADD, at->fd, &event) != 0) {  // no memory: it is closed
    silent_.erase(at);
    return;
  }
  first_end_ = std::min(first_end_, end_of(*at));
}

void lobby::look(time_point now) {
  std::array<epoll_event, events_at_once> events;
  int count = events_at_once;
  while (count == events_at_once) {
    count = ::epoll_wait(events_, events.data(), events_at_once, 0);
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (auto* e = static_cast<entry*>(event.data.ptr)) hear(*e, (event.events & ~EPOLLIN) != 0, now);
    }
  }
  if (first_end_ <= now) close_late(now);
}

void lobby::close_late(time_point now) {
  first_end_ = time_point::max();
  std::erase_if(silent_, [&](const entry& e) {
    auto end = end_of(e);
    if (end > now) {
      first_end_ = std::min(first_end_, end);
      return false;
    }
    bool in_mid_message = e.began && *e.began + door_.limits.message_within <= now;
    if (e.account) ++(in_mid_message ? door_.counts.messages_late : door_.counts.logins_late);
    return true;
  });
}

void lobby::hear(entry& e, bool ends, time_point now) {
  switch (listen_to(e.fd, ends)) {
    case heard::nothing:
      return;
    case heard::a_part:
      if (!e.began) e.began = now;
      first_end_ = std::min(first_end_, end_of(e));
      return;
    case heard::a_message:
      ::epoll_ctl(events_, EPOLL_CTL_DEL, e.fd, nullptr);
      spoke_.splice(spoke_.end(), silent_, e.self);
      return;
    case heard::the_end:
      silent_.erase(e.self);
  }
}

std::optional<stranger> lobby::next_that_spoke() {
  if (spoke_.empty()) return {};
  stranger first = std::move(static_cast<stranger&>(spoke_.front()));
  spoke_.pop_front();
  return first;
}

lobby::time_point lobby::end_of(const entry& e) const {
  auto end = e.came + door_.limits.login_within;
  return e.began ? std::min(end, *e.began + door_.limits.message_within) : end;
}

std::optional<lobby::time_point> lobby::next_end() const {
  if (silent_.empty()) return {};
  return first_end_;
}

bool lobby::close_oldest(const std::string* peer, time_point latest) {
  auto oldest = std::ranges::find_if(silent_, [&](const auto& e) { return e.account && (!peer || e.peer == *peer); });
  if (oldest == silent_.end() || oldest->came > latest) return false;
  silent_.erase(oldest);
  return true;
}

void lobby::close_all() {
  silent_.clear();
  spoke_.clear();
}

bool lobby::holds_place(const std::string* peer) const {
  auto is_one = [&](const entry& e) { return e.account && (!peer || e.peer == *peer); };
  return std::ranges::any_of(silent_, is_one) || std::ranges::any_of(spoke_, is_one);
}

}  // namespace chromatin::rpc

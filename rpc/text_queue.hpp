#pragma once

/// An answer's text on its way from the scheduler's thread to the event loop. The scheduler never waits: what the
/// client has not taken yet piles up here, bounded by the answer's token limit.

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <kj/async.h>

#include "actors/messages.hpp"

namespace chromatin::rpc {

/// Some of an answer: text, and the likelihoods of the tokens whose text ends in it, where they are asked for.
struct answer_piece {
  std::string text;
  std::vector<model::token_likelihood> likelihoods;

  bool empty() const { return text.empty() && likelihoods.empty(); }
  std::size_t bytes() const {
    auto all = text.size();
    for (const auto& one : likelihoods) all += sizeof one + one.likeliest.size() * sizeof one.likeliest[0];
    return all;
  }
};

class text_queue final : public token_sink {
 public:
  ~text_queue() noexcept override {}  // KJ's handles may throw from theirs, this class's base may not

  /// Any thread.
  void text(std::string_view more) override {
    std::lock_guard lock{mutex_};
    pending_.text += more;
    wake();
  }
  /// Any thread.
  void likelihood(model::token_likelihood one) override {
    std::lock_guard lock{mutex_};
    pending_.likelihoods.push_back(std::move(one));
  }

  /// No more text will come. Any thread.
  void close() {
    std::lock_guard lock{mutex_};
    closed_ = true;
    wake();
  }

  /// All that has come since the last call; waits for some text. Empty: closed, and everything was taken. Loop thread
  /// only.
  kj::Promise<answer_piece> next() {
    std::lock_guard lock{mutex_};
    taking_ = 0;
    if (!pending_.text.empty() || closed_) {
      taking_ = pending_.bytes();
      return std::exchange(pending_, {});
    }
    auto pair = kj::newPromiseAndCrossThreadFulfiller<void>();
    waiter_ = kj::mv(pair.fulfiller);
    return pair.promise.then([this] { return next(); });
  }

  /// What is here, and what the last call of next() gave: the next call says that that was taken. Any thread.
  std::size_t bytes_not_taken() {
    std::lock_guard lock{mutex_};
    return taking_ + pending_.bytes();
  }

 private:
  void wake() {
    KJ_IF_MAYBE (waiter, waiter_) {
      (*waiter)->fulfill();
      waiter_ = nullptr;
    }
  }

  std::mutex mutex_;
  answer_piece pending_;
  std::size_t taking_ = 0;
  bool closed_ = false;
  kj::Maybe<kj::Own<kj::CrossThreadPromiseFulfiller<void>>> waiter_;
};

}  // namespace chromatin::rpc

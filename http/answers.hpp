#pragma once

/// The answers to one request, whole or in a stream of events. An endpoint says how they begin and how they look. Event
/// loop thread only.

#include <memory>
#include <optional>
#include <vector>

#include "http/chat_response.hpp"
#include "http/event_stream.hpp"
#include "http/spoken.hpp"

namespace chromatin::http {

class answers : public std::enable_shared_from_this<answers> {
 public:
  virtual ~answers() = default;

  /// Over when the response is. Throws error where there is no place for all of them: what has begun is not cut.
  kj::Promise<void> run();

 protected:
  using json = nlohmann::ordered_json;

  /// To each of the prompts `n` choices, which stand beside each other.
  answers(const service_parts& parts, asker who, kj::HttpService::Response& to, std::size_t prompts, std::uint32_t n,
          bool stream, bool include_usage)
      : parts_{parts},
        who_{std::move(who)},
        to_{to},
        n_{n},
        stream_{stream},
        include_usage_{include_usage},
        choices_(prompts * n) {}

  /// Before the first answer begins.
  virtual kj::Promise<void> prepare() { return kj::READY_NOW; }
  /// A prompt's others begin when its first has: it is in the cache then.
  virtual kj::Promise<spoken_ptr> begin(std::size_t choice, turn_place counted) = 0;

  /// The field with what is said, which an error may be about.
  virtual const char* messages_field() const = 0;

  /// Events; null: none.
  virtual json first_event(std::size_t) { return nullptr; }
  /// `tokens_before`: so many likelihoods of this choice are told already.
  virtual json text_event(std::size_t choice, const rpc::answer_piece& piece, std::size_t tokens_before) = 0;
  virtual json last_event(std::size_t choice, stop_reason stopped) = 0;
  virtual json usage_event(const std::vector<turn_statistics>& statistics) = 0;
  /// All answers in one piece, and the statistics of their turns.
  virtual json whole(const std::vector<rpc::answer_piece>& pieces, const std::vector<turn_statistics>& statistics) = 0;

  const service_parts& parts_;
  asker who_;

 private:
  struct one_answer {
    turn_place counted;  ///< until it begins
    spoken_ptr said;
    rpc::answer_piece all;  ///< where nothing is streamed
    std::size_t tokens_told = 0;
  };

  kj::Promise<void> begin_and_keep(std::size_t i);
  kj::Promise<void> answer();
  kj::Promise<void> take(std::size_t i);
  kj::Promise<void> take_with_others(std::size_t first);
  kj::Promise<void> take_piece(std::size_t i, rpc::answer_piece piece);
  kj::Promise<void> send(const json& event);
  std::vector<turn_statistics> statistics() const;
  kj::Promise<void> reply_whole();
  kj::Promise<void> end_stream();
  kj::Promise<void> fail(kj::Exception failure);

  kj::HttpService::Response& to_;
  std::size_t n_;
  bool stream_, include_usage_;
  std::vector<one_answer> choices_;
  std::optional<event_stream> out_;
};

}  // namespace chromatin::http

#include "http/tokens.hpp"

#include <caf/event_based_actor.hpp>

#include "http/answer_fields.hpp"
#include "http/limits.hpp"
#include "http/reply.hpp"
#include "model/utf8.hpp"

namespace chromatin::http {
namespace {

using nlohmann::ordered_json;

template <class Work>
kj::Promise<ordered_json> in_a_thread(const service_parts& parts, Work work) {
  auto pair = kj::newPromiseAndCrossThreadFulfiller<ordered_json>();
  auto fulfiller = std::make_shared<kj::Own<kj::CrossThreadPromiseFulfiller<ordered_json>>>(kj::mv(pair.fulfiller));
  parts.context.system.spawn<caf::detached>(
      [fulfiller, work = std::move(work)](caf::event_based_actor*) { (*fulfiller)->fulfill(work()); });
  return kj::mv(pair.promise);
}

/// The promise of what `work` gives in another thread: long texts take longer than others should wait. One thread for
/// all who ask: turns are shared among clients, and this is not.
template <class Work>
kj::Promise<ordered_json> elsewhere(const service_parts& parts, Work work) {
  return parts.tokenizing.enter().then([&parts, work = std::move(work)](kj::Own<turnstile::pass> in) mutable {
    auto done = in_a_thread(parts, std::move(work)).fork();
    parts.tokenizing.hold(kj::mv(in), done.addBranch().ignoreResult());
    return done.addBranch();
  });
}

/// A token's text where it is one, else its bytes.
ordered_json piece_of(const model::tokenizer& words, kv::token_id token) {
  auto bytes = words.bytes(token);
  if (model::valid_utf8(bytes)) return bytes;
  ordered_json numbers = ordered_json::array();
  for (unsigned char byte : bytes) numbers.push_back(byte);
  return numbers;
}

}  // namespace

kj::Promise<void> tokenize(const service_parts& parts, std::string_view body, kj::HttpService::Response& to) {
  auto content = parse_object(body);
  fields given{content, {}};
  bool pieces = given.flag("with_pieces");
  auto opening = given.flag("add_special") ? parts.checkpoint.chat.opening() : std::vector<kv::token_id>{};
  check_text("content", given.text("content"));
  auto work = [text = given.text("content"), opening, pieces, words = parts.checkpoint.tokenizer] {
    auto tokens = opening;
    auto more = words->encode(text);
    tokens.insert(tokens.end(), more.begin(), more.end());
    ordered_json list = ordered_json::array();
    for (auto token : tokens)
      list.push_back(pieces ? ordered_json{{"id", token}, {"piece", piece_of(*words, token)}} : ordered_json(token));
    return ordered_json{{"tokens", std::move(list)}};
  };
  return elsewhere(parts, std::move(work)).then([&parts, &to](ordered_json answer) {
    return reply(to, parts.headers, answer);
  });
}

kj::Promise<void> detokenize(const service_parts& parts, std::string_view body, kj::HttpService::Response& to) {
  auto content = parse_object(body);
  const auto* given = fields{content, {}}.find("tokens");
  if (!given) wrong("tokens", "tokens is missing");
  const auto& words = *parts.checkpoint.tokenizer;
  auto tokens = read_tokens(*given, "tokens", {.vocabulary = words.size()});
  std::string text;
  for (auto token : tokens) text += words.bytes(token);
  if (words.adds_leading_space() && text.starts_with(' ')) text.erase(0, 1);
  return reply(to, parts.headers, ordered_json{{"content", text}});
}

}  // namespace chromatin::http

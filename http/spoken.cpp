#include "http/spoken.hpp"

#include <algorithm>
#include <iterator>

#include "http/fields.hpp"

namespace chromatin::http {
namespace {

/// Others who send the same messages find a fork, too, and may be there first: another one is tried, so often at most.
constexpr int forks_max = 16;

kj::Promise<spoken_ptr> speak_somewhere(const service_parts& parts, const asker& who, const turn_place& counted,
                                        const speech& what, const place& at, int forks_left) {
  auto begun = speak(parts, who, counted, saying(who, what, at));
  if (at.named || forks_left == 0) return begun;
  return begun.catch_([&parts, who, counted, what, at, forks_left](kj::Exception&& failure) -> kj::Promise<spoken_ptr> {
    if (error_of(failure).code != "busy") return kj::mv(failure);
    return find_free_place(parts.context, who.tenant, at).then([&parts, who, counted, what, forks_left](place free) {
      return speak_somewhere(parts, who, counted, what, free, forks_left - 1);
    });
  });
}

kj::Promise<void> go_on(spoken_ptr from, rpc::answer_piece piece,
                        std::shared_ptr<std::function<kj::Promise<void>(rpc::answer_piece)>> take) {
  if (piece.empty()) {
    KJ_IF_MAYBE (failure, from->turn->error) return kj::cp(*failure);
    return kj::READY_NOW;
  }
  return (*take)(std::move(piece))
      .then([from] { return from->turn->text->next(); })
      .then([from, take](rpc::answer_piece next) { return go_on(from, std::move(next), take); });
}

}  // namespace

error error_of(const kj::Exception& failure) {
  return from_actor({failure.getDescription().begin(), failure.getDescription().size()});
}

std::vector<turn_place> take_places(const service_parts& parts, const asker& who, std::size_t count,
                                    const char* field) {
  const auto& bounds = parts.context.door.limits;
  auto most = std::min(bounds.turns_per_connection_max, bounds.turns_per_client_max);
  if (count > most)
    wrong(field, fmt::format("{}: {} answers at a time; this server gives at most {}", field, count, most));
  std::vector<turn_place> all;
  while (all.size() < count) {
    all.push_back(std::make_shared<rpc::connection_account::hold>());
    auto why = who.account->begin_turn(*all.back());
    if (!why) continue;
    auto e = refused(*why, 429);
    if (count > 1) e.param = field;
    throw error{e};
  }
  return all;
}

kj::Promise<spoken_ptr> speak(const service_parts& parts, const asker& who, turn_place counted, say_request order) {
  auto begun = std::make_shared<spoken>();
  begun->conversation = order.conversation.id;
  begun->turn = std::make_shared<rpc::answering>(parts.context, who.account, std::move(counted));
  begun->said = rpc::say(begun->turn, std::move(order));
  return begun->turn->text->next().then([begun](rpc::answer_piece first) -> kj::Promise<spoken_ptr> {
    KJ_IF_MAYBE (failure, begun->turn->error) return kj::cp(*failure);
    begun->first = std::move(first);
    return begun;
  });
}

say_request saying(const asker& who, const speech& what, const place& at) {
  say_request order{.conversation = {who.tenant, at.conversation, what.salt},
                    .text = what.messages.back().content,
                    .sampling = what.sampling,
                    .priority = what.priority,
                    .keep = what.keep};
  if (!at.named) order.known = static_cast<std::uint32_t>(at.known);
  for (auto i = at.known; i + 1 < what.messages.size(); ++i) order.before.push_back(what.messages[i]);
  return order;
}

kj::Promise<spoken_ptr> speak_at(const service_parts& parts, const asker& who, turn_place counted, const speech& what,
                                 const place& at) {
  return speak_somewhere(parts, who, counted, what, at, forks_max);
}

kj::Promise<void> each_piece(spoken_ptr from, std::function<kj::Promise<void>(rpc::answer_piece)> take) {
  auto first = std::move(from->first);
  return go_on(std::move(from), std::move(first),
               std::make_shared<std::function<kj::Promise<void>(rpc::answer_piece)>>(std::move(take)));
}

kj::Promise<rpc::answer_piece> gather(const spoken_ptr& from) {
  auto all = std::make_shared<rpc::answer_piece>();
  return each_piece(from,
                    [all](rpc::answer_piece piece) -> kj::Promise<void> {
                      all->text += piece.text;
                      std::ranges::move(piece.likelihoods, std::back_inserter(all->likelihoods));
                      return kj::READY_NOW;
                    })
      .then([all] { return std::move(*all); });
}

}  // namespace chromatin::http

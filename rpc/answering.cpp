#include "rpc/answering.hpp"

#include <atomic>
#include <random>

#include <fmt/format.h>

#include "rpc/ask.hpp"
#include "rpc/taking.hpp"

namespace chromatin::rpc {
namespace {

std::atomic<turn_id> last_turn{0};

}  // namespace

answering::answering(service_context& of, std::shared_ptr<connection_account> client, turn_place counted)
    : context{of}, account{std::move(client)}, id{++last_turn}, place{std::move(counted)}, begun{of.timer->now()} {
  ++context.turns;
}

answering::~answering() {
  if (done) {
    context.door.turns_take.took(std::chrono::microseconds{(context.timer->now() - begun) / kj::MICROSECONDS});
    context.door.turn_answered(std::chrono::steady_clock::now());
  } else {
    caf::anon_send(context.gateway, atom::cancel_v, id);
    account->dropped_turn();
  }
  if (--context.turns == 0) context.tell_idle();
}

void answering::leave_place() {
  if (account->keep_bytes(text->bytes_not_taken(), not_taken)) *place = {};
}

kj::Promise<void> in_time(std::shared_ptr<answering> turn, kj::Promise<void> taken) {
  auto late = too_late(*turn->context.timer, turn->context.door.limits, [turn] { return !turn->done; });
  return taken.exclusiveJoin(late.then([turn]() -> kj::Promise<void> {
    turn->account->was_late();
    return to_exception(caf::make_error(ec::cancelled, "the answer was not taken in time"));
  }));
}

kj::Promise<void> say(std::shared_ptr<answering> turn, say_request request) {
  request.turn = turn->id;
  request.client = turn->account->client();
  request.connection = turn->account->id();
  if (request.sampling.tokens_max == 0) request.sampling.tokens_max = turn->context.answer_tokens_default;
  auto& context = turn->context;
  return ask<turn_statistics>(context.system, context.gateway, atom::say_v, std::move(request),
                              std::shared_ptr<token_sink>{turn->text})
      .then(
          [turn](turn_statistics statistics) {
            turn->done = true;
            turn->statistics = statistics;
            turn->leave_place();
            turn->text->close();
          },
          [turn](kj::Exception&& error) {
            turn->done = true;
            turn->error = kj::mv(error);
            turn->text->close();
          })
      .eagerlyEvaluate(nullptr);
}

std::string random_name() {
  std::random_device entropy;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", entropy(), entropy(), entropy(), entropy());
}

kj::Exception to_exception(const refusal& why) {
  return to_exception(come_back(ec::overloaded, why.what, why.retry_after));
}

}  // namespace chromatin::rpc

#include "rpc/client.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <thread>

#include <capnp/ez-rpc.h>
#include <kj/async-io.h>

#include "rpc/convert.hpp"
#include "rpc/error_text.hpp"

namespace chromatin::rpc {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// A server that is full closes connections before they have logged in, and one that starts refuses them: both may be
/// over a moment later. Nothing was asked for yet, so that nothing is done twice.
constexpr milliseconds connect_pauses[] = {milliseconds{20}, milliseconds{60}, milliseconds{180}};
/// A full server closes at once. What lets a login wait speaks another protocol, and lets the next one wait as long.
constexpr milliseconds full_within{1'000};
/// For the answer to a login, also of a server that is flooded.
constexpr kj::Duration login_within = 30 * kj::SECONDS;

std::int64_t us_since(clock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - begin).count();
}

/// Runs a call; what KJ throws becomes a call_error with the server's own sentence, or `prefix` and KJ's.
template <class Call>
auto guarded(Call call, const std::string& prefix = {}) {
  try {
    return call();
  } catch (const kj::Exception& e) {
    std::string text = e.getDescription().cStr();
    constexpr std::string_view remote = "remote exception: ";
    if (text.starts_with(remote))
      text.erase(0, remote.size());
    else
      text = prefix + text;
    if (e.getType() == kj::Exception::Type::DISCONNECTED && prefix.empty())
      text = "not_available: the connection is gone (" + text + ")";
    throw call_error(text);
  }
}

/// Whether the connection was closed, refused, or found no room in the line of those that wait to be accepted.
bool may_connect_later(const kj::Exception& e) {
  if (e.getType() == kj::Exception::Type::DISCONNECTED) return true;
  return std::string_view{e.getDescription().cStr()}.ends_with(std::strerror(EAGAIN));
}

/// Whether what came is of another protocol: HTTP's first bytes would be the number of a message's segments.
bool is_no_message(const kj::Exception& e) {
  return std::string_view{e.getDescription().cStr()}.find("segmentCount") != std::string_view::npos;
}

/// What `connect` makes, at the latest after all pauses.
template <class Connect>
auto after_pauses(Connect connect) {
  for (auto pause : connect_pauses) {
    auto begin = clock::now();
    try {
      return connect();
    } catch (const kj::Exception& e) {
      if (is_no_message(e))
        throw KJ_EXCEPTION(FAILED, "what it answers is no message; is this an address of --listen, and not of --http?");
      if (!may_connect_later(e)) throw;
      if (clock::now() - begin > full_within)
        throw KJ_EXCEPTION(FAILED, "it closes the connection; is this an address of --listen, and not of --http?");
      std::this_thread::sleep_for(pause);
    }
  }
  return connect();
}

/// A turn being listened to. The server may hold the sink longer than the caller waits; then nothing is passed on any
/// more.
struct listening {
  clock::time_point begin = clock::now();
  turn_report report;
  const std::function<void(std::string_view)>* on_text = nullptr;  ///< null when the call is over
  kj::Own<kj::PromiseFulfiller<turn_statistics>> refused;
};

/// Fails as soon as there is a byte in the pipe.
kj::Promise<turn_statistics> cancelled_by(kj::LowLevelAsyncIoProvider& io, int pipe) {
  using io_flags = kj::LowLevelAsyncIoProvider;
  auto stream = io.wrapInputFd(pipe, io_flags::ALREADY_CLOEXEC | io_flags::ALREADY_NONBLOCK);
  auto byte = kj::heap<char>();
  auto there = stream->tryRead(byte.get(), 1, 1);
  return there.attach(kj::mv(byte), kj::mv(stream)).then([](std::size_t) -> kj::Promise<turn_statistics> {
    return KJ_EXCEPTION(FAILED, "cancelled: the caller wants no more");
  });
}

class sink_service final : public schema::TokenSink::Server {
 public:
  explicit sink_service(std::shared_ptr<listening> to) : turn_{std::move(to)} {}

  kj::Promise<void> text(TextContext call) override {
    auto text = call.getParams().getText();
    auto& report = turn_->report;
    if (report.text.empty()) report.first_text_us = us_since(turn_->begin);
    report.text.append(text.begin(), text.size());
    std::ranges::move(rpc::read(call.getParams().getLikelihoods()), std::back_inserter(report.likelihoods));
    try {
      if (turn_->on_text && *turn_->on_text) (*turn_->on_text)({text.begin(), text.size()});
    } catch (const std::exception& e) {
      turn_->refused->reject(KJ_EXCEPTION(FAILED, "cancelled: the caller wants no more", e.what()));
    }
    return kj::READY_NOW;
  }
  kj::Promise<void> end(EndContext) override { return kj::READY_NOW; }

 private:
  std::shared_ptr<listening> turn_;
};

}  // namespace

std::string call_error::code() const {
  std::string text = what();
  return text.substr(0, text.find(':'));
}

std::optional<std::chrono::milliseconds> call_error::retry_after() const { return read_error(what()).retry_after; }

std::string call_error::field() const { return read_error(what()).field; }

struct client::implementation {
  implementation(const std::string& address, std::string_view token)
      : connection{address.c_str(), 7411}, session{log_in(token)} {}

  schema::Session::Client log_in(std::string_view token) {
    auto request = connection.getMain<schema::Gate>().loginRequest();
    request.setToken(std::string{token}.c_str());
    auto late = connection.getIoProvider()
                    .getTimer()
                    .afterDelay(login_within)
                    .then([]() -> kj::Promise<schema::Session::Client> {
                      return KJ_EXCEPTION(FAILED, "it does not answer; is this an address of --listen?");
                    });
    return request.send()
        .then([](auto answer) -> schema::Session::Client { return answer.getSession(); })
        .exclusiveJoin(kj::mv(late))
        .wait(connection.getWaitScope());
  }

  capnp::EzRpcClient connection;
  schema::Session::Client session;
};

struct conversation::implementation {
  std::shared_ptr<client::implementation> owner;
  schema::Conversation::Client self;

  kj::WaitScope& scope() { return owner->connection.getWaitScope(); }
};

client::client(const std::string& address, std::string_view token)
    : implementation_{
          guarded([&] { return after_pauses([&] { return std::make_shared<implementation>(address, token); }); },
                  "not_available: " + address + ": ")} {}
client::~client() = default;
client::client(client&&) noexcept = default;

conversation client::open(std::string_view id, std::string_view system_prompt) { return open(id, system_prompt, true); }

conversation client::find(std::string_view id) { return open(id, {}, false); }

conversation client::open(std::string_view id, std::string_view system_prompt, bool make) {
  return guarded([&] {
    auto request = implementation_->session.openRequest();
    request.setId(std::string{id}.c_str());
    request.setSystem(kj::heapString(system_prompt.data(), system_prompt.size()));
    request.setMake(make);
    auto answer = request.send().wait(implementation_->connection.getWaitScope());
    return conversation{std::make_unique<conversation::implementation>(
                            conversation::implementation{implementation_, answer.getConversation()}),
                        rpc::read(answer.getInfo())};
  });
}

conversation_list client::list(std::string_view after, std::uint32_t count_max) {
  return guarded([&] {
    auto request = implementation_->session.listRequest();
    request.setAfter(std::string{after}.c_str());
    request.setLimit(count_max);
    conversation_list all;
    auto answer = request.send().wait(implementation_->connection.getWaitScope());
    for (auto info : answer.getConversations()) all.push_back(rpc::read(info));
    return all;
  });
}

std::vector<counters> client::stat() {
  return guarded([&] {
    std::vector<counters> parts;
    auto answer = implementation_->session.statRequest().send().wait(implementation_->connection.getWaitScope());
    for (auto part : answer.getParts()) parts.push_back(rpc::read(part));
    return parts;
  });
}

archive_ticket client::archive(std::string_view id, bool kv) {
  return guarded([&] {
    auto request = implementation_->session.archiveRequest();
    request.setId(std::string{id}.c_str());
    request.setKv(kv);
    return rpc::read(request.send().wait(implementation_->connection.getWaitScope()).getTicket());
  });
}

archive_ticket client::recall(std::string_view id, bool kv) {
  return guarded([&] {
    auto request = implementation_->session.recallRequest();
    request.setId(std::string{id}.c_str());
    request.setKv(kv);
    return rpc::read(request.send().wait(implementation_->connection.getWaitScope()).getTicket());
  });
}

void client::forget(std::string_view id) {
  guarded([&] {
    auto request = implementation_->session.forgetRequest();
    request.setId(std::string{id}.c_str());
    request.send().wait(implementation_->connection.getWaitScope());
    return 0;
  });
}

archive_tickets client::archives() {
  return guarded([&] {
    auto answer = implementation_->session.archivesRequest().send().wait(implementation_->connection.getWaitScope());
    archive_tickets all;
    for (auto one : answer.getTickets()) all.push_back(rpc::read(one));
    return all;
  });
}

void client::detach_part(const std::string& name) {
  guarded([&] {
    auto request = implementation_->session.detachPartRequest();
    request.setName(name.c_str());
    request.send().wait(implementation_->connection.getWaitScope());
  });
}

void client::attach_part(const std::string& name) {
  guarded([&] {
    auto request = implementation_->session.attachPartRequest();
    request.setName(name.c_str());
    request.send().wait(implementation_->connection.getWaitScope());
  });
}

conversation::conversation(std::unique_ptr<implementation> made, conversation_info info)
    : implementation_{std::move(made)}, info_{std::move(info)} {}
conversation::~conversation() = default;
conversation::conversation(conversation&&) noexcept = default;
conversation& conversation::operator=(conversation&&) noexcept = default;

turn_report conversation::say(const say_options& options, const std::function<void(std::string_view)>& on_text) {
  return guarded([&] {
    auto turn = std::make_shared<listening>();
    turn->on_text = &on_text;
    KJ_DEFER(turn->on_text = nullptr);
    auto request = implementation_->self.sayRequest();
    auto order = request.initRequest();
    order.setText(kj::StringPtr(options.text.c_str(), options.text.size()));
    write(options.before, order.initBefore(static_cast<unsigned>(options.before.size())));
    write(options.sampling, order.initSampling());
    order.setPriority(options.priority);
    order.setReuse(options.reuse);
    order.setKeepPriority(options.keep.priority);
    order.setKeepMs(static_cast<std::uint64_t>(std::max<std::int64_t>(options.keep.ttl_us, 0)) / 1000);
    auto refused = kj::newPromiseAndFulfiller<turn_statistics>();
    turn->refused = kj::mv(refused.fulfiller);
    request.setSink(kj::heap<sink_service>(turn));
    kj::Promise<turn_statistics> statistics = request.send()
                                                  .then([](auto answer) { return rpc::read(answer.getStatistics()); })
                                                  .exclusiveJoin(kj::mv(refused.promise));
    if (options.cancel_fd >= 0)
      statistics = statistics.exclusiveJoin(
          cancelled_by(implementation_->owner->connection.getLowLevelIoProvider(), options.cancel_fd));
    turn->report.server = statistics.wait(implementation_->scope());
    turn->report.total_us = us_since(turn->begin);
    if (turn->report.text.empty()) turn->report.first_text_us = turn->report.total_us;
    return turn->report;
  });
}

conversation_info conversation::truncate(std::uint32_t protect_tokens, double ratio) {
  return guarded([&] {
    auto request = implementation_->self.truncateRequest();
    request.setProtectTokens(protect_tokens);
    request.setRatio(ratio);
    return info_ = rpc::read(request.send().wait(implementation_->scope()).getInfo());
  });
}

conversation conversation::fork(std::string_view new_id, std::uint32_t messages) {
  return guarded([&] {
    auto request = implementation_->self.forkRequest();
    request.setMessages(messages);
    request.setId(std::string{new_id}.c_str());
    auto answer = request.send().wait(implementation_->scope());
    return conversation{
        std::make_unique<implementation>(implementation{implementation_->owner, answer.getConversation()}),
        rpc::read(answer.getInfo())};
  });
}

transcript conversation::read(std::uint32_t first, std::uint32_t count_max) {
  return guarded([&] {
    auto request = implementation_->self.readRequest();
    request.setFirst(first);
    request.setLimit(count_max);
    auto answer = request.send().wait(implementation_->scope());
    return transcript{first, answer.getTotal(), rpc::read(answer.getMessages())};
  });
}

void conversation::forget() {
  guarded([&] {
    implementation_->self.forgetRequest().send().wait(implementation_->scope());
    return 0;
  });
}

conversation_info conversation::refresh() {
  return guarded([&] {
    return info_ = rpc::read(implementation_->self.infoRequest().send().wait(implementation_->scope()).getInfo());
  });
}

}  // namespace chromatin::rpc

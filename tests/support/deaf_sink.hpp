#pragma once

#include "schema/chromatin.capnp.h"

namespace chromatin::test {

/// Takes what an answer says, and does nothing with it.
class deaf_sink final : public schema::TokenSink::Server {
  kj::Promise<void> text(TextContext) override { return kj::READY_NOW; }
  kj::Promise<void> end(EndContext) override { return kj::READY_NOW; }
};

/// Never says that it has taken anything.
class stuck_sink final : public schema::TokenSink::Server {
  kj::Promise<void> text(TextContext) override { return kj::NEVER_DONE; }
  kj::Promise<void> end(EndContext) override { return kj::NEVER_DONE; }
};

}  // namespace chromatin::test

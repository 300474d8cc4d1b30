#pragma once

/// How long a client is waited for that does not take what it is sent. Event loop thread only.

#include <functional>

#include <kj/async.h>
#include <kj/timer.h>

#include "rpc/door.hpp"

namespace chromatin::rpc {

/// Over when it was too long. While the answer is still computed that is sooner: the turn has a place that others of
/// its client may wait for, and is computed for nobody. Behind its end only bytes are held.
kj::Promise<void> too_late(kj::Timer& timer, const door_limits& limits, std::function<bool()> is_computed);

}  // namespace chromatin::rpc

#pragma once

/// A sample from a server.

#include "apps/top/sample.hpp"
#include "rpc/client.hpp"

namespace chromatin::top {

/// Throws rpc::call_error.
sample take(rpc::client& from);

}  // namespace chromatin::top

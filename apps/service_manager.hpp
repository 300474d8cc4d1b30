#pragma once

/// What systemd is told of this process where its unit says Type=notify.

#include <string_view>

namespace chromatin {

/// Sends "READY=1", "STOPPING=1" and the like to the socket that the environment variable NOTIFY_SOCKET names; where
/// there is no such variable, nobody wants to know. What cannot be sent is a warning in the log. Any thread.
void tell_service_manager(std::string_view state);

}  // namespace chromatin

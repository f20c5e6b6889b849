// SPDX-License-Identifier: BSD-2-Clause
// Signals by name, for reports and traces.
#pragma once

#include <string_view>

namespace drupe::process {

/// "SIGSEGV"; "SIGRT" for the real-time ones, "SIG?" for what is no signal.
std::string_view signal_name(int signo);

} // namespace drupe::process

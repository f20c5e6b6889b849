// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/process/names.h>

#include <drupe/process/signal_set.h>

#include <array>

namespace drupe::process {
namespace {
constexpr std::array<std::string_view, 32> names = {
    "SIG?",      "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
    "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
    "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
    "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS"};
}

std::string_view signal_name(int signo) {
    if (!is_signal(signo)) return names[0];
    return is_realtime(signo) ? "SIGRT" : names[static_cast<std::size_t>(signo)];
}

} // namespace drupe::process

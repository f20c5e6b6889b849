// SPDX-License-Identifier: BSD-2-Clause
// A set of signals: sigset_t of the kernel's interface, bit n-1 for signal n.
#pragma once

#include <drupe/process/signal_abi.h>

#include <bit>
#include <cstdint>
#include <initializer_list>

namespace drupe::process {

constexpr bool is_signal(int signo) { return signo >= 1 && signo <= signal_count; }
/// Standard signals are pending at most once; the others queue.
constexpr bool is_realtime(int signo) { return signo >= sigrtmin; }

class SignalSet {
public:
    constexpr SignalSet() = default;
    explicit constexpr SignalSet(std::uint64_t bits) : bits_(bits) {}
    constexpr SignalSet(std::initializer_list<int> signals) {
        for (int s : signals) add(s);
    }
    static constexpr SignalSet all() { return SignalSet(~std::uint64_t{0}); }

    constexpr void add(int signo) { bits_ |= bit(signo); }
    constexpr void remove(int signo) { bits_ &= ~bit(signo); }
    constexpr bool has(int signo) const { return (bits_ & bit(signo)) != 0; }
    constexpr bool is_empty() const { return bits_ == 0; }
    /// The lowest member; the set must not be empty.
    constexpr int first() const { return std::countr_zero(bits_) + 1; }
    constexpr std::uint64_t raw() const { return bits_; }

    friend constexpr SignalSet operator|(SignalSet a, SignalSet b) {
        return SignalSet(a.bits_ | b.bits_);
    }
    friend constexpr SignalSet operator&(SignalSet a, SignalSet b) {
        return SignalSet(a.bits_ & b.bits_);
    }
    constexpr SignalSet without(SignalSet b) const { return SignalSet(bits_ & ~b.bits_); }
    friend constexpr bool operator==(SignalSet, SignalSet) = default;

private:
    static constexpr std::uint64_t bit(int signo) { return std::uint64_t{1} << (signo - 1); }
    std::uint64_t bits_ = 0;
};

inline constexpr SignalSet never_blocked{sigkill, sigstop};
/// Raised by the program's own instruction: delivered before others, so that si_addr and the
/// registers belong together.
inline constexpr SignalSet synchronous_signals{sigsegv, sigbus, sigill, sigtrap, sigfpe, sigsys};
inline constexpr SignalSet stop_signals{sigstop, sigtstp, sigttin, sigttou};

} // namespace drupe::process

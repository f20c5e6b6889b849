// SPDX-License-Identifier: BSD-2-Clause
// How a process ended, in the encoding that wait4(2) stores. [linux] wait(2), WIFEXITED ff.
#pragma once

#include <cstdint>

namespace drupe::process {

class WaitStatus {
public:
    constexpr WaitStatus() = default;
    static constexpr WaitStatus exited(int code) { return WaitStatus((code & 0xff) << 8); }
    static constexpr WaitStatus killed(int signo) { return WaitStatus(signo & 0x7f); }
    /// And left a core file.
    static constexpr WaitStatus dumped(int signo) { return WaitStatus((signo & 0x7f) | 0x80); }
    static constexpr WaitStatus stopped(int signo) { return WaitStatus(signo << 8 | 0x7f); }
    static constexpr WaitStatus continued() { return WaitStatus(0xffff); }

    constexpr std::int32_t raw() const { return raw_; }
    constexpr bool is_killed() const { return signal() != 0 && signal() != 0x7f; }
    constexpr bool is_exited() const { return (raw_ & 0x7f) == 0; }
    constexpr bool has_dumped() const { return is_killed() && (raw_ & 0x80) != 0; }
    constexpr int signal() const { return raw_ & 0x7f; }
    constexpr int code() const { return raw_ >> 8 & 0xff; }
    friend constexpr bool operator==(WaitStatus, WaitStatus) = default;

private:
    explicit constexpr WaitStatus(std::int32_t raw) : raw_(raw) {}
    std::int32_t raw_ = 0;
};

} // namespace drupe::process

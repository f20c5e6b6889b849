// SPDX-License-Identifier: BSD-2-Clause
// SOL_SOCKET's options of devices, queues and filters. Where no packet goes through a device they
// do nothing, but they are kept, and refused, as Linux does it. [linux] net/core/sock.c
#include "socket_option.h"

#include <drupe/net/unix.h>
#include <drupe/process/process.h>

#include <algorithm>

namespace drupe::syscall {
namespace {

enum Option : int {
    so_bindtodevice = 25,
    so_attach_filter,
    so_detach_filter,
    so_mark = 36,
    so_lock_filter = 44,
    so_busy_poll = 46,
    so_max_pacing_rate,
    so_bpf_extensions,
    so_incoming_cpu,
    so_attach_bpf,
    so_attach_reuseport_cbpf,
    so_attach_reuseport_ebpf,
    so_cnx_advice,
    so_meminfo = 55,
    so_cookie = 57,
    so_zerocopy = 60,
    so_txtime,
    so_bindtoifindex,
    so_detach_reuseport_bpf = 68,
    so_prefer_busy_poll,
    so_busy_poll_budget,
    so_netns_cookie,
    so_buf_lock,
    so_reserve_mem,
    so_txrehash,
    so_devmem_dontneed = 80,
    so_inq = 84,
};

constexpr std::size_t most_device_name = 15; // IFNAMSIZ without its NUL

struct UserSendingTime {
    std::int32_t clock;
    std::uint32_t flags;
};

Result<void> set_switch(net::Socket& socket, net::Switch bit, bool on) {
    if (on)
        socket.switches.fetch_or(bit);
    else
        socket.switches.fetch_and(~std::uint32_t{bit});
    return {};
}

Result<void> set_sending_time(net::Socket& socket, const OptionSet& set) {
    constexpr std::uint32_t all_flags = 3;
    enum : std::int32_t { clock_realtime = 0, clock_monotonic = 1, clock_tai = 11 };
    if (set.length != sizeof(UserSendingTime)) return Errc::invalid;
    const auto wanted = TRY(arch::get_user<UserSendingTime>(set.at));
    if (wanted.flags & ~all_flags) return Errc::invalid;
    if (wanted.clock != clock_monotonic && !is_network_administrator()) return Errc::not_permitted;
    if (wanted.clock != clock_realtime && wanted.clock != clock_monotonic &&
        wanted.clock != clock_tai)
        return Errc::invalid;
    socket.rare.sending_clock = static_cast<std::uint32_t>(wanted.clock);
    socket.rare.sending_flags = wanted.flags;
    return {};
}

/// For a clock of a device the socket would have to be bound to one.
Result<void> set_timestamping(net::Socket& socket, const OptionSet& set) {
    enum : std::uint32_t {
        numbered = 1 << 7,
        only_times = 1 << 11,
        statistics = 1 << 12,
        device_clock = 1 << 15,
        numbered_by_bytes = 1 << 16,
        all = (1 << 19) - 1,
    };
    const auto flags = static_cast<std::uint32_t>(set.value);
    const auto has_without = [&](std::uint32_t one, std::uint32_t other) {
        return (flags & one) && !(flags & other);
    };
    if ((flags & ~all) || has_without(numbered_by_bytes, numbered) ||
        has_without(statistics, only_times))
        return Errc::invalid;
    if (flags & device_clock) return Errc::not_supported;
    socket.rare.timestamping = flags;
    return set_switch(socket, net::switch_timestamp_new, set.option == so_timestamping_new);
}

Result<void> set_device(net::Socket& socket, std::int32_t index) {
    if (socket.rare.device != 0 && !is_network_administrator()) return Errc::not_permitted;
    if (index < 0) return Errc::invalid;
    socket.rare.device = index;
    return {};
}

Result<void> set_pacing_rate(net::Socket& socket, const OptionSet& set) {
    auto rate = std::uint64_t{static_cast<std::uint32_t>(set.value)};
    if (set.value == -1) rate = ~std::uint64_t{0};
    if (set.length >= sizeof rate) rate = TRY(arch::get_user<std::uint64_t>(set.at));
    socket.rare.pacing_rate = rate;
    return {};
}

Result<void> set_busy_poll_budget(net::Socket& socket, std::int32_t value) {
    if (value > socket.rare.busy_poll_budget && !is_network_administrator())
        return Errc::not_permitted;
    if (value < 0 || value > UINT16_MAX) return Errc::invalid;
    socket.rare.busy_poll_budget = value;
    return {};
}

/// There is no program of the newer kind (bpf) that a descriptor could name.
Result<void> attach_program(const net::Socket& socket, const OptionSet& set) {
    if (set.length != sizeof set.value) return Errc::invalid;
    if (socket.has(net::switch_lock_filter)) return Errc::not_permitted;
    return file_at(set.value) ? Errc::invalid : Errc::bad_descriptor;
}

Result<void> set_counting(net::Socket& socket, const OptionSet& set) {
    if (socket.family != net::family_unix || socket.type != net::SocketType::stream)
        return Errc::no_option;
    if (set.length != sizeof set.value || set.value < 0 || set.value > 1) return Errc::invalid;
    return set_switch(socket, net::switch_count_rest, set.value != 0);
}

/// The name of no device is short, and there is none that could be bound to.
Result<Word> get_device(const net::Socket& socket, const OptionGet& get) {
    if (socket.rare.device == 0) return put_value("", 0, get.at, get.length_at);
    return get.room <= most_device_name ? Errc::invalid : Errc::wrong_device;
}

Result<Word> get_pacing_rate(const net::Socket& socket, const OptionGet& get) {
    const std::uint64_t rate = socket.rare.pacing_rate;
    if (get.room >= sizeof rate) return put_value(&rate, sizeof rate, get.at, get.length_at);
    const auto few = static_cast<std::uint32_t>(std::min<std::uint64_t>(rate, UINT32_MAX));
    return put_value(&few, sizeof few, get.at, get.length_at);
}

Result<Word> get_memory(net::Socket& socket, const OptionGet& get) {
    // What was received and what was sent; then what Linux has in no queue of a local socket.
    const std::uint32_t memory[9] = {0, socket.receive_buffer, socket.send_memory(),
                                     socket.send_buffer()};
    return put_value(memory, sizeof memory, get.at, get.length_at);
}

/// No two sockets have the same.
Result<Word> get_cookie(const net::Socket& socket, const OptionGet& get) {
    const std::uint64_t cookie = socket.inode().ino();
    if (get.room < sizeof cookie) return Errc::invalid;
    return put_value(&cookie, sizeof cookie, get.at, get.length_at);
}

Result<Word> get_namespace_cookie(const OptionGet& get) {
    constexpr std::uint64_t first = 1; // the only one
    if (get.room != sizeof first) return Errc::invalid;
    return put_value(&first, sizeof first, get.at, get.length_at);
}

Result<std::int32_t> get_rare_number(const net::Socket& socket, int option) {
    const net::RareOptions& rare = socket.rare;
    switch (option) {
    case so_mark: return static_cast<std::int32_t>(rare.mark.load());
    case so_lock_filter: return std::int32_t{socket.has(net::switch_lock_filter)};
    case so_prefer_busy_poll: return std::int32_t{socket.has(net::switch_prefer_busy_poll)};
    case so_busy_poll: return rare.busy_poll.load();
    case so_bpf_extensions: return 64; // SKF_AD_MAX
    case so_incoming_cpu: return rare.incoming_cpu.load();
    case so_zerocopy:
    case so_reserve_mem: return 0;
    case so_bindtoifindex: return rare.device.load();
    case so_buf_lock: return static_cast<std::int32_t>(rare.buffer_locks.load());
    case so_txrehash: return Errc::not_supported;
    default: return Errc::no_option;
    }
}

} // namespace

bool is_network_administrator() { return process::current_process().credentials.is_privileged(); }

Result<void> bind_to_device(net::Socket& socket, VirtAddr at, std::uint32_t length) {
    char name[most_device_name + 1] = {};
    TRY(arch::copy_from_user(name, at, std::min<std::size_t>(length, most_device_name)));
    if (name[0] != 0) return Errc::wrong_device; // there are none
    return set_device(socket, 0);
}

Result<void> set_rare_option(net::Socket& socket, const OptionSet& set) {
    net::RareOptions& rare = socket.rare;
    const bool is_on = set.value != 0, is_locked = socket.has(net::switch_lock_filter);
    switch (set.option) {
    case so_attach_filter: return attach_filter(socket, set);
    case so_detach_filter: return detach_filter(socket);
    case so_attach_reuseport_cbpf: return Errc::invalid;
    case so_attach_bpf:
    case so_attach_reuseport_ebpf: return attach_program(socket, set);
    case so_lock_filter:
        if (is_locked && !is_on) return Errc::not_permitted;
        return set_switch(socket, net::switch_lock_filter, is_on);
    case so_mark:
        if (!is_network_administrator()) return Errc::not_permitted;
        rare.mark = static_cast<std::uint32_t>(set.value);
        return {};
    case so_busy_poll:
        if (set.value < 0) return Errc::invalid;
        rare.busy_poll = set.value;
        return {};
    case so_prefer_busy_poll:
        if (is_on && !is_network_administrator()) return Errc::not_permitted;
        return set_switch(socket, net::switch_prefer_busy_poll, is_on);
    case so_busy_poll_budget: return set_busy_poll_budget(socket, set.value);
    case so_max_pacing_rate: return set_pacing_rate(socket, set);
    case so_incoming_cpu: rare.incoming_cpu = set.value; return {};
    case so_cnx_advice: return {};
    case so_reserve_mem: return set.value < 0 ? Errc::invalid : Errc::not_supported;
    case so_zerocopy:
    case so_txrehash: return Errc::not_supported;
    case so_timestamping:
    case so_timestamping_new: return set_timestamping(socket, set);
    case so_txtime: return set_sending_time(socket, set);
    case so_bindtoifindex: return set_device(socket, set.value);
    case so_detach_reuseport_bpf: return Errc::invalid;
    case so_buf_lock:
        if (set.value & ~3) return Errc::invalid;
        rare.buffer_locks = static_cast<std::uint32_t>(set.value);
        return {};
    case so_devmem_dontneed: return Errc::bad_descriptor;
    case so_inq: return set_counting(socket, set);
    default: return Errc::no_option;
    }
}

Result<Word> get_rare_option(net::Socket& socket, const OptionGet& get) {
    switch (get.option) {
    case so_bindtodevice: return get_device(socket, get);
    case so_attach_filter: return get_filter(socket, get);
    case so_max_pacing_rate: return get_pacing_rate(socket, get);
    case so_meminfo: return get_memory(socket, get);
    case so_cookie: return get_cookie(socket, get);
    case so_netns_cookie: return get_namespace_cookie(get);
    case so_timestamping:
    case so_timestamping_new: {
        const bool is_told = get.option == so_timestamping || socket.has(net::switch_timestamp_new);
        const std::uint32_t told[2] = {is_told ? socket.rare.timestamping.load() : 0};
        return put_value(told, sizeof told, get.at, get.length_at);
    }
    case so_txtime: {
        const UserSendingTime time{static_cast<std::int32_t>(socket.rare.sending_clock.load()),
                                   socket.rare.sending_flags};
        return put_value(&time, sizeof time, get.at, get.length_at);
    }
    default: {
        const std::int32_t value = TRY(get_rare_number(socket, get.option));
        return put_value(&value, sizeof value, get.at, get.length_at);
    }
    }
}

} // namespace drupe::syscall

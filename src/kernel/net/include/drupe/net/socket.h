// SPDX-License-Identifier: BSD-2-Clause
// A socket is an open file that an address family drives. Here is what the system calls see of any
// family; what a call does not concern, a family leaves at its refusing default.
#pragma once

#include <drupe/base/relaxed.h>
#include <drupe/net/message.h>
#include <drupe/net/socket_filter.h>
#include <drupe/process/signal_abi.h>
#include <drupe/vfs/file.h>

#include <cstdint>

namespace drupe::net {

/// [linux] include/linux/net.h
enum class SocketType : std::uint8_t { stream = 1, datagram = 2, sequential = 5 };

/// sk_shutdown's bits.
enum Shutdown : std::uint8_t { no_receive = 1, no_send = 2, no_traffic = 3 };

/// SOL_SOCKET's options that are switches kept for the asking. Bits of Socket::switches.
enum Switch : std::uint32_t {
    switch_debug = 1,
    switch_reuse_address = 1 << 1,
    switch_dont_route = 1 << 2,
    switch_broadcast = 1 << 3,
    switch_keep_alive = 1 << 4,
    switch_oob_inline = 1 << 5,
    switch_timestamp = 1 << 6, // messages tell when they were sent
    switch_timestamp_nanos = 1 << 7,
    switch_timestamp_new = 1 << 8,     // under the option's newer number
    switch_pass_security = 1 << 9,     // there are no labels to tell
    switch_count_rest = 1 << 10,       // messages tell how much is left to read
    switch_pass_credentials = 1 << 11, // messages tell who sent them
    switch_pass_pidfd = 1 << 12,       // and bring a descriptor of that process
    switch_not_accepted = 1 << 13,     // no option: nobody could ask for anything yet
    switch_refuse_rights = 1 << 14,    // no files come with messages
    // Without effect where no packet goes through a network:
    switch_no_check = 1 << 15,
    switch_overflow = 1 << 16,
    switch_wifi_status = 1 << 17,
    switch_no_frame_check = 1 << 18,
    switch_select_errors = 1 << 19,
    switch_receive_mark = 1 << 20,
    switch_receive_priority = 1 << 21,
    switch_prefer_busy_poll = 1 << 22,
    switch_lock_filter = 1 << 23,
};
inline constexpr std::uint32_t switches_naming_senders =
    switch_pass_credentials | switch_pass_pidfd;
/// What accepted sockets have from their listener.
inline constexpr std::uint32_t switches_inherited =
    switches_naming_senders | switch_pass_security | switch_refuse_rights;

/// Options that are kept for the asking: they concern devices, or are used by other rooms.
struct RareOptions {
    Relaxed<std::uint32_t> mark{0};
    Relaxed<std::int32_t> incoming_cpu{-1}, busy_poll{0}, busy_poll_budget{0};
    Relaxed<std::int32_t> device{0}; // by index
    Relaxed<std::uint32_t> sending_clock{0}, sending_flags{0};
    Relaxed<std::uint32_t> buffer_locks{0}; // sizes that were asked for
    Relaxed<std::uint32_t> timestamping{0};
    Relaxed<std::uint64_t> pacing_rate{~std::uint64_t{0}};
};

/// /proc/sys/net: what sockets made from now on begin with, and what they may ask for.
struct SocketLimits {
    Relaxed<std::uint32_t> backlog{4096};         // core.somaxconn
    Relaxed<std::uint32_t> send{212'992};         // core.wmem_default
    Relaxed<std::uint32_t> receive{212'992};      // core.rmem_default
    Relaxed<std::uint32_t> most_send{212'992};    // core.wmem_max, before it is doubled
    Relaxed<std::uint32_t> most_receive{212'992}; // core.rmem_max
    Relaxed<std::uint32_t> unix_datagrams{10};    // unix.max_dgram_qlen
};
extern constinit SocketLimits socket_limits;

class Socket : public vfs::File {
public:
    static inline constinit const char class_tag = 0;
    const void* tag() const final { return &class_tag; }

    const std::uint16_t family;
    const SocketType type;

    /// invalid; address_in_use; for paths also what making a file there gives.
    virtual Result<void> bind(const Address& address) = 0;
    /// backlog: how many connections may wait. not_supported, invalid.
    virtual Result<void> listen(std::uint32_t backlog) = 0;
    /// Waits for room in the listener's queue. refused, would_block, already_connected, …
    virtual Result<void> connect(const Address& address) = 0;
    /// Waits for a connection; its socket has the file flags `flags`.
    virtual Result<RefPtr<Socket>> accept(std::uint32_t flags) = 0;
    virtual Address name() = 0;
    /// not_connected.
    virtual Result<Address> peer_name() = 0;
    /// Raises SIGPIPE itself where it is due: its shut_down never does.
    virtual Result<std::size_t> send(Outgoing& message) = 0;
    virtual Result<std::size_t> receive(Incoming& message) = 0;
    virtual Result<void> shut_down(Shutdown how) = 0;
    virtual bool is_listening() = 0;
    /// Who was on the other side when the connection was made; pid 0: nobody.
    virtual Peer peer_credentials() = 0;
    /// The error that SO_ERROR tells, which is then forgotten. ok: none.
    virtual Errc take_error() = 0;
    /// The sizes that SO_SNDBUF and SO_RCVBUF show.
    virtual std::uint32_t send_buffer() const = 0;
    virtual void set_send_buffer(std::uint32_t bytes) = 0;

    Result<std::size_t> read(vfs::IoBuffer& buffer) final;
    Result<std::size_t> write(vfs::IoBuffer& buffer) final;
    bool can_poll() const final { return true; }

    /// What was sent and not yet received: the memory it takes; what there is to receive.
    virtual std::uint32_t send_memory() const { return 0; }
    virtual std::uint64_t unread() { return 0; }
    /// What chooses among the messages it gets. Null: nothing.
    virtual Result<void> set_filter(RefPtr<SocketFilter>) { return Errc::invalid; }
    virtual RefPtr<SocketFilter> filter() { return {}; }

    Relaxed<std::uint32_t>& switches; // the family's, whose sockets look at each other's
    RareOptions rare;
    Relaxed<std::uint32_t> receive_buffer{socket_limits.receive};
    Relaxed<std::int32_t> receive_low_mark{1};
    Relaxed<std::int32_t> priority{0};
    Relaxed<std::int32_t> peek_offset{-1}; // where MSG_PEEK looks; negative: at the front
    Relaxed<std::int64_t> linger{-1};      // seconds; negative: off
    /// How long a call waits at most.
    Relaxed<std::int64_t> receive_timeout{Nanos::never().ns}, send_timeout{Nanos::never().ns};

    bool has(Switch s) const { return (switches & s) != 0; }

protected:
    std::size_t bytes_to_skip(std::uint32_t message_flags) const;
    /// Bytes were looked at, or (negative) taken away in front of the offset.
    void move_peek_offset(std::int64_t bytes);
    struct Kind {
        std::uint16_t family;
        SocketType type;
    };
    Socket(vfs::Dentry& dentry, std::uint32_t flags, Kind kind, Relaxed<std::uint32_t>& all)
        : File(dentry, flags), family(kind.family), type(kind.type), switches(all) {}
    /// When a call with these flags stops waiting; 0: at once.
    Nanos deadline(std::uint32_t message_flags, const Relaxed<std::int64_t>& timeout) const;
};

/// What a call makes of the end of its wait: a passed deadline is would_block, and a signal ends it
/// for good when it had a deadline.
Errc wait_error(Errc errc, Nanos deadline);

} // namespace drupe::net

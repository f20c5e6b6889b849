// SPDX-License-Identifier: BSD-2-Clause
// Sending and receiving, with what goes beside the bytes: addresses and control messages.
#include "socket_call.h"
#include "user_time.h"

#include "pidfd_call.h"
#include "temporary_mask.h"

#include <drupe/process/process.h>
#include <drupe/process/task_table.h>
#include <drupe/syscall/errno.h>
#include <drupe/time/clock.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>

namespace drupe::syscall {

using namespace vfs;

namespace {

/// struct msghdr and struct cmsghdr of 64-bit machines.
struct UserMessage {
    std::uint64_t name;
    std::int32_t name_length;
    std::uint32_t padding;
    std::uint64_t vectors, vector_count;
    std::uint64_t control, control_length;
    std::uint32_t flags, padding2;
};
static_assert(sizeof(UserMessage) == 56);
constexpr std::size_t many_stride = 64; // struct mmsghdr
struct ControlHeader {
    std::uint64_t length;
    std::int32_t level, type;
};
static_assert(sizeof(ControlHeader) == 16);
enum : std::int32_t {
    level_socket = 1,
    scm_rights = 1,
    scm_credentials = 2,
    scm_pidfd = 4,
    scm_inq = 84,
};
constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 7) & ~std::size_t{7}; }
constexpr std::uint64_t most_vectors = 1024;
constexpr std::uint32_t msg_waitforone = 0x10000;

// ---- out

Result<void> add_rights(net::Outgoing& out, const char* at, std::size_t bytes) {
    const std::size_t count = bytes / sizeof(std::int32_t);
    if (count == 0) return {};
    if (!out.rights) out.rights = TRY(net::Rights::create(net::Rights::most));
    if (out.rights->count() + count > net::Rights::most) return Errc::invalid;
    for (std::size_t i = 0; i < count; i++) {
        std::uint32_t fd = 0;
        std::memcpy(&fd, at + i * sizeof fd, sizeof fd);
        RefPtr<File> file = caller().files->get_ref(fd);
        if (!file) return Errc::bad_descriptor;
        out.rights->add(std::move(file));
    }
    return {};
}

Result<void> claim(net::Sender& out, const char* at, std::size_t bytes) {
    if (bytes != sizeof(net::Identity)) return Errc::invalid;
    net::Identity claimed;
    std::memcpy(&claimed, at, sizeof claimed);
    process::Process& self = process::current_process();
    const process::Credentials& ids = self.credentials;
    const bool is_true =
        claimed.pid == self.pid &&
        (claimed.uid == ids.uid || claimed.uid == ids.euid || claimed.uid == ids.suid) &&
        (claimed.gid == ids.gid || claimed.gid == ids.egid || claimed.gid == ids.sgid);
    if (!is_true && !ids.is_privileged()) return Errc::not_permitted;
    RefPtr<process::Process> process = claimed.pid == self.pid ? RefPtr<process::Process>(&self)
                                                               : process::find_process(claimed.pid);
    if (!process) return Errc::no_process;
    out = {claimed, std::move(process)};
    return {};
}

Result<void> parse_control(net::Outgoing& out, net::Sender& claimed, const char* control,
                           std::size_t bytes) {
    for (std::size_t at = 0; at + sizeof(ControlHeader) <= bytes;) {
        ControlHeader header;
        std::memcpy(&header, control + at, sizeof header);
        if (header.length < sizeof header || header.length > bytes - at) return Errc::invalid;
        const char* data = control + at + sizeof header;
        const std::size_t size = header.length - sizeof header;
        at += aligned(header.length);
        if (header.level != level_socket) continue;
        switch (header.type) {
        case scm_rights: TRY(add_rights(out, data, size)); break;
        case scm_credentials:
            TRY(claim(claimed, data, size));
            out.claimed = &claimed;
            break;
        default: return Errc::invalid;
        }
    }
    return {};
}

Result<void> read_control(net::Outgoing& out, net::Sender& claimed, const UserMessage& message) {
    constexpr std::uint64_t most = 20'480; // net.core.optmem_max
    if (message.control_length == 0) return {};
    if (message.control_length > most) return Errc::no_buffers;
    const auto bytes = static_cast<std::size_t>(message.control_length);
    char few[128];
    char* many = bytes > sizeof few ? new (std::nothrow) char[bytes] : nullptr;
    if (bytes > sizeof few && !many) return Errc::no_memory;
    char* control = many ? many : few;
    Result<void> outcome = arch::copy_from_user(control, VirtAddr{message.control}, bytes);
    if (outcome.ok()) outcome = parse_control(out, claimed, control, bytes);
    delete[] many;
    return outcome;
}

Result<Word> send_one(net::Socket& socket, VirtAddr at, std::uint32_t flags) {
    const auto message = TRY(arch::get_user<UserMessage>(at));
    net::Address to;
    if (message.name != 0 && message.name_length < 0) return Errc::invalid;
    if (message.name != 0 && message.name_length != 0)
        to = TRY(
            read_address(VirtAddr{message.name},
                         std::min<std::uint32_t>(net::Address::most,
                                                 static_cast<std::uint32_t>(message.name_length))));
    if (message.vector_count > most_vectors) return Errc::message_size;
    Vectors vectors;
    TRY(vectors.read(VirtAddr{message.vectors}, static_cast<std::int64_t>(message.vector_count)));
    IoBuffer data = vectors.buffer();
    net::Outgoing out{.data = data, .flags = flags, .to = to.length != 0 ? &to : nullptr};
    net::Sender claimed;
    TRY(read_control(out, claimed, message));
    return Word{TRY(socket.send(out))};
}

// ---- in

/// The program's room for control messages, filled from the front.
class ControlRoom {
public:
    explicit ControlRoom(const UserMessage& message)
        : at_(message.control), left_(message.control == 0 ? 0 : message.control_length) {}
    std::uint64_t left() const { return left_; }
    VirtAddr data() const { return VirtAddr{at_ + sizeof(ControlHeader)}; }
    std::uint32_t flags = 0; // msg_ctrunc

    /// A message of `bytes`, cut where there is no room for all of it.
    void put(std::int32_t type, const void* data_from, std::size_t bytes) {
        if (left_ < sizeof(ControlHeader)) {
            flags |= net::msg_ctrunc;
            return;
        }
        std::uint64_t length = sizeof(ControlHeader) + bytes;
        if (length > left_) {
            flags |= net::msg_ctrunc;
            length = left_;
        }
        if (!arch::copy_to_user(data(), data_from, length - sizeof(ControlHeader)).ok()) return;
        finish(type, length);
    }
    /// The header of a message whose bytes stand there already.
    void finish(std::int32_t type, std::uint64_t length) {
        if (!arch::put_user(VirtAddr{at_}, ControlHeader{length, level_socket, type}).ok()) return;
        const std::uint64_t step = std::min<std::uint64_t>(aligned(length), left_);
        at_ += step;
        left_ -= step;
    }

private:
    std::uint64_t at_, left_;
};

void put_rights(ControlRoom& room, const net::Rights& rights, bool close_on_exec) {
    TaskContext& who = caller();
    const std::uint64_t space =
        room.left() > sizeof(ControlHeader) ? room.left() - sizeof(ControlHeader) : 0;
    const std::size_t most = std::min<std::size_t>(rights.count(), space / sizeof(std::int32_t));
    std::size_t done = 0;
    for (; done < most; done++) {
        const Result<std::uint32_t> fd = who.files->reserve(close_on_exec, who.max_descriptors);
        if (!fd.ok()) break;
        if (!arch::put_user(room.data() + done * sizeof(std::int32_t),
                            static_cast<std::int32_t>(fd.value()))
                 .ok()) {
            who.files->unreserve(fd.value());
            break;
        }
        who.files->fill(fd.value(), rights[done]);
    }
    if (done != rights.count()) room.flags |= net::msg_ctrunc;
    if (done != 0) room.finish(scm_rights, sizeof(ControlHeader) + done * sizeof(std::int32_t));
}

/// A descriptor that means the sender, or why there is none.
void put_process(ControlRoom& room, const RefPtr<process::Process>& sender) {
    if (!sender) return;
    if (room.left() < sizeof(ControlHeader) + sizeof(std::int32_t)) {
        room.flags |= net::msg_ctrunc;
        return;
    }
    const Result<Word> fd = open_pidfd(*sender);
    const auto told = static_cast<std::int32_t>(fd.ok() ? static_cast<std::int64_t>(fd.value())
                                                        : to_return_value(fd.error()));
    room.put(scm_pidfd, &told, sizeof told);
}

void put_rest(ControlRoom& room, net::Socket& socket) {
    const auto rest = static_cast<std::int32_t>(socket.unread());
    room.put(scm_inq, &rest, sizeof rest);
}

/// The type is the option that asked for it.
void put_time(ControlRoom& room, const net::Socket& socket, Nanos at) {
    const bool is_new = socket.has(net::switch_timestamp_new);
    if (socket.has(net::switch_timestamp_nanos)) {
        const UserTimespec time = to_timespec(at);
        room.put(is_new ? so_timestampns_new : so_timestampns, &time, sizeof time);
    } else {
        const UserTimeval time = to_timeval(at);
        room.put(is_new ? so_timestamp_new : so_timestamp, &time, sizeof time);
    }
    const std::uint32_t asked = socket.rare.timestamping;
    if ((asked & timestamping_software) &&
        (asked & (timestamping_receive_software | timestamping_filtered)) !=
            timestamping_filtered) {
        const UserTimespec times[3] = {to_timespec(at)}; // by the kernel; the others by a device
        room.put(is_new ? so_timestamping_new : so_timestamping, times, sizeof times);
    }
}

Result<void> put_name(const net::Address& from, const UserMessage& message, VirtAddr at) {
    if (message.name == 0) return {};
    const auto room = static_cast<std::uint32_t>(message.name_length);
    TRY(arch::copy_to_user(VirtAddr{message.name}, from.bytes, std::min(room, from.length)));
    return arch::put_user(at + offsetof(UserMessage, name_length), from.length);
}

Result<Word> receive_one(net::Socket& socket, VirtAddr at, std::uint32_t flags) {
    const auto message = TRY(arch::get_user<UserMessage>(at));
    if (message.name != 0 && message.name_length < 0) return Errc::invalid;
    if (message.vector_count > most_vectors) return Errc::message_size;
    Vectors vectors;
    TRY(vectors.read(VirtAddr{message.vectors}, static_cast<std::int64_t>(message.vector_count)));
    IoBuffer data = vectors.buffer();
    net::Address from;
    RefPtr<process::Process> sender;
    net::Incoming in{.data = data, .flags = flags, .from = &from, .sender = &sender};
    const std::size_t bytes = TRY(socket.receive(in));
    ControlRoom room(message);
    if (socket.has(net::switch_timestamp) && in.sent_at.ns != 0) put_time(room, socket, in.sent_at);
    if (socket.has(net::switch_pass_credentials))
        room.put(scm_credentials, &in.identity, sizeof in.identity);
    const bool close_on_exec = (flags & net::msg_cmsg_cloexec) != 0;
    if (in.rights) put_rights(room, *in.rights, close_on_exec);
    if (socket.has(net::switch_pass_pidfd)) put_process(room, sender);
    if (socket.has(net::switch_count_rest)) put_rest(room, socket);
    TRY(put_name(from, message, at));
    const std::uint32_t flags_out = in.flags_out | room.flags | (flags & net::msg_cmsg_cloexec);
    TRY(arch::put_user(at + offsetof(UserMessage, flags), flags_out));
    const std::uint64_t used = message.control == 0 ? 0 : message.control_length - room.left();
    TRY(arch::put_user(at + offsetof(UserMessage, control_length), used));
    return Word{bytes};
}

} // namespace

Result<Word> sendto(int fd, VirtAddr from, Word bytes, std::uint32_t flags, VirtAddr to_at,
                    std::uint32_t to_length) {
    const SocketAt found(fd);
    net::Socket* socket = TRY(found.get());
    net::Address to;
    if (raw(to_at) != 0) to = TRY(read_address(to_at, to_length));
    IoBuffer data = IoBuffer::user(from, std::min(bytes, most_moved));
    net::Outgoing out{.data = data, .flags = flags, .to = to.length != 0 ? &to : nullptr};
    return Word{TRY(socket->send(out))};
}

Result<Word> recvfrom(int fd, VirtAddr to, Word bytes, std::uint32_t flags, VirtAddr from_at,
                      VirtAddr from_length) {
    const SocketAt found(fd);
    net::Socket* socket = TRY(found.get());
    IoBuffer data = IoBuffer::user(to, std::min(bytes, most_moved));
    net::Address from;
    net::Incoming in{.data = data, .flags = flags, .from = raw(from_at) != 0 ? &from : nullptr};
    const std::size_t received = TRY(socket->receive(in));
    if (raw(from_at) != 0) TRY(write_address(from, from_at, from_length));
    return Word{received};
}

Result<Word> sendmsg(int fd, VirtAddr at, std::uint32_t flags) {
    const SocketAt found(fd);
    net::Socket* socket = TRY(found.get());
    return send_one(*socket, at, flags);
}

Result<Word> recvmsg(int fd, VirtAddr at, std::uint32_t flags) {
    const SocketAt found(fd);
    net::Socket* socket = TRY(found.get());
    return receive_one(*socket, at, flags);
}

Result<Word> sendmmsg(int fd, VirtAddr at, std::uint32_t count, std::uint32_t flags) {
    const SocketAt found(fd);
    net::Socket* socket = TRY(found.get());
    count = std::min<std::uint32_t>(count, most_vectors);
    for (std::uint32_t done = 0; done < count; done++) {
        const VirtAddr message = at + done * many_stride;
        const Result<Word> sent = send_one(*socket, message, flags);
        if (!sent.ok()) return done != 0 ? Result<Word>(done) : sent.error();
        TRY(arch::put_user(message + sizeof(UserMessage),
                           static_cast<std::uint32_t>(sent.value())));
    }
    return Word{count};
}

/// The timeout is looked at when a message came, as on Linux (recvmmsg(2), BUGS).
Result<Word> recvmmsg(int fd, VirtAddr at, std::uint32_t count, std::uint32_t flags,
                      VirtAddr timeout) {
    const Nanos deadline = TRY(read_deadline(timeout));
    const SocketAt found(fd);
    net::Socket* socket = TRY(found.get());
    count = std::min<std::uint32_t>(count, most_vectors);
    std::uint32_t done = 0;
    while (done < count) {
        const VirtAddr message = at + done * many_stride;
        const Result<Word> got = receive_one(*socket, message, flags & ~msg_waitforone);
        if (!got.ok()) return done != 0 ? Result<Word>(done) : got.error();
        TRY(arch::put_user(message + sizeof(UserMessage), static_cast<std::uint32_t>(got.value())));
        done++;
        if (flags & msg_waitforone) flags |= net::msg_dontwait;
        if (deadline != Nanos::never() && time::now() >= deadline) break;
    }
    return Word{done};
}

} // namespace drupe::syscall

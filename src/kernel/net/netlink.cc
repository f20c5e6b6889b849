// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/net/netlink.h>

#include <drupe/process/process.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

namespace drupe::net {
namespace {

/// struct sockaddr_nl. [linux] uapi/linux/netlink.h
struct UserAddress {
    std::uint16_t family, padding;
    std::uint32_t port, groups;
};
static_assert(sizeof(UserAddress) == 12);

struct Datagram {
    ListHook hook;
    std::size_t size;
    std::array<std::byte, NetlinkNotice::most> bytes;
};

Address to_address(std::uint32_t port) {
    const UserAddress user{family_netlink, 0, port, 0};
    Address address;
    std::memcpy(address.bytes, &user, sizeof user);
    address.length = sizeof user;
    return address;
}

Result<UserAddress> from_address(const Address& address) {
    UserAddress user{};
    if (address.length < sizeof user) return Errc::invalid;
    std::memcpy(&user, address.bytes, sizeof user);
    if (user.family != family_netlink) return Errc::invalid;
    return user;
}

class NetlinkSocket final : public Socket {
public:
    NetlinkSocket(vfs::Dentry& dentry, std::uint32_t flags)
        : Socket(dentry, flags, {family_netlink, SocketType::datagram}, own_switches_) {}
    ~NetlinkSocket() override {
        while (Datagram* datagram = queue_.pop_front()) delete datagram;
    }
    /// The socket's name is the port that was asked for, else the process's id.
    Result<void> bind(const Address& address) override {
        const UserAddress wanted = TRY(from_address(address));
        if (port_ != 0) return wanted.port == port_ ? Result<void>{} : Errc::invalid;
        port_ = wanted.port != 0 ? wanted.port
                                 : static_cast<std::uint32_t>(process::current_process().pid);
        return {};
    }
    Result<void> listen(std::uint32_t) override { return Errc::not_supported; }
    Result<void> connect(const Address& address) override {
        TRY(from_address(address));
        return {};
    }
    Result<RefPtr<Socket>> accept(std::uint32_t) override { return Errc::not_supported; }
    Address name() override { return to_address(port_); }
    Result<Address> peer_name() override { return to_address(0); } // the kernel
    Result<std::size_t> send(Outgoing&) override { return Errc::refused; }
    Result<std::size_t> receive(Incoming& message) override;
    Result<void> shut_down(Shutdown) override { return Errc::not_supported; }
    bool is_listening() override { return false; }
    Peer peer_credentials() override { return {}; }
    Errc take_error() override { return Errc::ok; }
    std::uint32_t send_buffer() const override { return send_buffer_; }
    void set_send_buffer(std::uint32_t bytes) override { send_buffer_ = bytes; }
    std::uint32_t poll(vfs::PollWatcher* watcher) override {
        if (watcher) watcher->watch(readable_);
        return vfs::poll_out | vfs::poll_wrnorm | vfs::poll_wrband |
               (has_message() ? vfs::poll_in | vfs::poll_rdnorm : 0u);
    }
    Result<void> set_async(const vfs::AsyncRequest*) override { return Errc::not_supported; }

    void put(Datagram& datagram) {
        {
            sched::MutexGuard guard(mutex_);
            queue_.push_back(datagram);
            waiting_++;
        }
        readable_.wake_all(vfs::poll_in | vfs::poll_rdnorm | vfs::poll_rdband);
    }

private:
    bool has_message() const { return waiting_ != 0; }

    Relaxed<std::uint32_t> own_switches_{0};
    Relaxed<std::uint32_t> port_{0}, send_buffer_{socket_limits.send};
    sched::Mutex mutex_; // user memory is touched under it
    IntrusiveList<Datagram, &Datagram::hook> queue_ GUARDED_BY(mutex_);
    Relaxed<std::uint32_t> waiting_{0}; // how many; a hint without the mutex
    sched::WaitQueue readable_;
};

Result<std::size_t> NetlinkSocket::receive(Incoming& message) {
    if (message.flags & msg_oob) return Errc::not_supported;
    const Nanos until = deadline(message.flags, receive_timeout);
    for (;;) {
        {
            sched::MutexGuard guard(mutex_);
            if (Datagram* const first = queue_.front()) {
                const std::size_t bytes = std::min(first->size, message.data.size());
                const std::size_t size = first->size;
                const Result<std::size_t> put = message.data.put(first->bytes.data(), bytes);
                if (!(message.flags & msg_peek)) {
                    queue_.remove(*first);
                    waiting_--;
                    delete first;
                }
                if (!put.ok() || put.value() != bytes) return Errc::fault;
                if (message.from) *message.from = to_address(0);
                if (bytes < size) message.flags_out |= msg_trunc;
                return message.flags & msg_trunc ? size : bytes;
            }
        }
        if (until.ns == 0) return Errc::would_block;
        const Result<void> waited = readable_.wait_until([&] { return has_message(); }, until);
        if (!waited.ok()) return wait_error(waited.error(), until);
    }
}

} // namespace

Result<RefPtr<Socket>> create_netlink_socket(std::uint32_t flags) {
    RefPtr<vfs::Dentry> dentry =
        TRY(vfs::create_anonymous("socket", vfs::mode_socket | 0777, true));
    RefPtr<NetlinkSocket> socket =
        TRY(make_ref<NetlinkSocket>(*dentry, flags | vfs::open_read_write));
    return RefPtr<Socket>(std::move(socket));
}

struct NetlinkNotice::Parts {
    RefPtr<vfs::File> socket;
    OwnPtr<Datagram> datagram;
};

Result<OwnPtr<NetlinkNotice>> NetlinkNotice::create(RefPtr<vfs::File> socket,
                                                    std::span<const std::byte> bytes) {
    DRUPE_ASSERT(bytes.size() <= most);
    const auto* const known = vfs::file_as<Socket>(*socket);
    if (!known || known->family != family_netlink) return Errc::invalid;
    OwnPtr<Datagram> datagram = TRY(make_own<Datagram>());
    datagram->size = bytes.size();
    std::copy(bytes.begin(), bytes.end(), datagram->bytes.begin());
    OwnPtr<Parts> parts = TRY(make_own<Parts>());
    parts->socket = std::move(socket);
    parts->datagram = std::move(datagram);
    auto* const notice = new (std::nothrow) NetlinkNotice(parts.get());
    if (!notice) return Errc::no_memory;
    parts.leak();
    return OwnPtr<NetlinkNotice>(notice);
}

NetlinkNotice::~NetlinkNotice() { delete parts_; }

std::span<std::byte> NetlinkNotice::bytes() {
    return std::span(parts_->datagram->bytes).first(parts_->datagram->size);
}

void NetlinkNotice::tell() {
    if (parts_->datagram)
        static_cast<NetlinkSocket&>(*parts_->socket).put(*parts_->datagram.leak());
}

} // namespace drupe::net

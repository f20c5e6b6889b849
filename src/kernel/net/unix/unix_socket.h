// SPDX-License-Identifier: BSD-2-Clause
// The file that programs hold of an endpoint.
#pragma once

#include "endpoint.h"

namespace drupe::net {

class UnixSocket final : public Socket {
public:
    UnixSocket(vfs::Dentry& dentry, std::uint32_t flags, RefPtr<Endpoint> endpoint);
    ~UnixSocket() override;
    static Result<RefPtr<UnixSocket>> create(RefPtr<Endpoint> endpoint, std::uint32_t flags);
    Endpoint& endpoint() const { return *endpoint_; }
    bool has(std::uint32_t any) const { return endpoint_->has(any); }

    Result<void> bind(const Address& address) override;
    Result<void> listen(std::uint32_t backlog) override;
    Result<void> connect(const Address& address) override;
    Result<RefPtr<Socket>> accept(std::uint32_t flags) override;
    Address name() override;
    Result<Address> peer_name() override;
    Result<std::size_t> send(Outgoing& message) override;
    Result<std::size_t> receive(Incoming& message) override;
    Result<void> shut_down(Shutdown how) override;
    bool is_listening() override { return endpoint_->state == State::listening; }
    Peer peer_credentials() override { return endpoint_->peer_credentials(); }
    Errc take_error() override { return endpoint_->take_error(); }
    std::uint32_t send_buffer() const override { return endpoint_->send_buffer; }
    void set_send_buffer(std::uint32_t bytes) override;
    std::uint32_t send_memory() const override { return endpoint_->charged(); }
    std::uint64_t unread() override { return endpoint_->queued_bytes(false); }
    Result<void> set_filter(RefPtr<SocketFilter> filter) override {
        endpoint_->set_filter(std::move(filter));
        return {};
    }
    RefPtr<SocketFilter> filter() override { return endpoint_->filter(); }
    std::uint32_t poll(vfs::PollWatcher* watcher) override;
    Result<void> set_async(const vfs::AsyncRequest* request) override;
    Result<std::uint64_t> ioctl(std::uint32_t request, std::uint64_t argument) override;

private:
    Result<void> bind_path(const Address& address);
    Result<void> bind_unused();
    Result<void> connect_stream(const Address& address);
    Result<void> connect_datagram(const Address& address);
    Result<RefPtr<Endpoint>> find(const Address& address);
    Result<RefPtr<UnixSocket>> take_connection(std::uint32_t flags);

    /// Waits until the endpoint may send more; the error of a call that may not.
    Result<void> wait_for_send_room(Nanos deadline);
    /// A packet with the next `bytes` of the message. fault, no_memory.
    Result<Packet*> pack(Outgoing& message, std::size_t bytes);
    Result<void> deliver(Packet& packet, Endpoint& to);
    Result<std::uint64_t> open_name();
    Result<std::size_t> send_stream(Outgoing& message);
    Result<std::size_t> send_datagram(Outgoing& message);
    Result<void> send_packet_to(Packet& packet, Outgoing& message, Nanos deadline);
    Result<std::size_t> receive_stream(Incoming& message);
    Result<std::size_t> receive_datagram(Incoming& message);
    struct Progress {
        std::size_t done;
        bool is_over = false; // it ends here, whatever more is wanted
    };
    Result<Progress> read_pieces(Incoming& message, std::size_t done) REQUIRES(endpoint_->reading);
    bool has_unread(const Incoming& message);
    Packet* first_message(const Incoming& message, std::size_t& skip);
    Result<std::size_t> read_one(Packet& packet, Incoming& message, std::size_t skip);
    Result<std::size_t> receive_urgent(Incoming& message);
    void describe(Packet& packet, Incoming& message) const;
    Result<void> move_rights(Packet& packet, Incoming& message);

    RefPtr<Endpoint> endpoint_;
    sched::Mutex naming_; // bind, listen and connect, one at a time
};

} // namespace drupe::net

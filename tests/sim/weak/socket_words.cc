// SPDX-License-Identifier: BSD-2-Clause
#include "sockets.h"

#include <cstring>
#include <utility>

namespace weak::sockets {

using namespace drupe;

void play(std::uint64_t seed, unsigned cpus, const std::function<void()>& main) {
    kernel::play(seed, cpus, [&main] {
        Program::instance();
        const Program::Part part;
        main();
    });
}

void Parts::start(unsigned cpu, std::function<void()> body) {
    threads_.start(cpu, [body = std::move(body)] {
        const Program::Part part;
        body();
    });
}

RefPtr<net::Socket> create(net::SocketType type, std::uint32_t flags) {
    return net::create_unix_socket(type, flags).value();
}
net::SocketPair create_pair(net::SocketType type) { return net::create_unix_pair(type, 0).value(); }

net::Address name_of(char letter) {
    net::Address address;
    std::memcpy(address.bytes, &net::family_unix, sizeof net::family_unix);
    address.bytes[3] = letter;
    address.length = 4;
    return address;
}

RefPtr<net::Socket> listen(char letter, std::uint32_t backlog) {
    RefPtr<net::Socket> listener = create(net::SocketType::stream);
    WEAK_CHECK(listener->bind(name_of(letter)).ok() && listener->listen(backlog).ok());
    return listener;
}

namespace {

Result<void> send_with(net::Socket& socket, char byte, std::uint32_t flags, const net::Address* to,
                       OwnPtr<net::Rights> rights) {
    auto buffer = vfs::IoBuffer::kernel(&byte, 1);
    net::Outgoing message{.data = buffer, .flags = flags | net::msg_nosignal, .to = to};
    message.rights = std::move(rights);
    const Result<std::size_t> sent = socket.send(message);
    if (!sent.ok()) return sent.error();
    WEAK_CHECK(sent.value() == 1);
    return {};
}

} // namespace

Result<void> send(net::Socket& socket, char byte, std::uint32_t flags, const net::Address* to) {
    return send_with(socket, byte, flags, to, {});
}

Result<void> send_file(net::Socket& socket, RefPtr<vfs::File> file) {
    OwnPtr<net::Rights> rights = net::Rights::create(1).value();
    rights->add(std::move(file));
    return send_with(socket, 'f', 0, nullptr, std::move(rights));
}

Received receive(net::Socket& socket, std::uint32_t flags) {
    char byte = 0;
    auto buffer = vfs::IoBuffer::kernel(&byte, 1);
    net::Incoming message{.data = buffer, .flags = flags};
    const Result<std::size_t> received = socket.receive(message);
    if (!received.ok()) return {received.error()};
    if (received.value() == 0) return {Errc::ok};
    return {Errc::ok, byte, message.rights ? (*message.rights)[0] : RefPtr<vfs::File>{}};
}

} // namespace weak::sockets

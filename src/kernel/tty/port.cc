// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/base/format.h>
#include <drupe/base/relaxed.h>
#include <drupe/tty/port.h>
#include <drupe/vfs/device_file.h>
#include <drupe/vfs/file_system.h>

#include <algorithm>

namespace drupe::tty {
namespace {

struct Node : vfs::DeviceFile {
    Node(PortDevice& shown, std::uint32_t number)
        : DeviceFile{242, number, text, 0600, open_port}, port(shown) {}
    PortDevice& port;
    Relaxed<bool> is_open{false}; // what the opener before did is behind the port's own lock
    char text[24] = {};           // ends in NUL: neither is ever full
    char link[96] = {};

    static Result<RefPtr<vfs::File>> open_port(vfs::Dentry& dentry, std::uint32_t flags);
};

class PortFile final : public vfs::File {
public:
    PortFile(vfs::Dentry& dentry, std::uint32_t flags, Node& node)
        : File(dentry, flags), node_(node), port_(node.port) {
        port_.set_open(true);
    }
    ~PortFile() override {
        port_.set_open(false);
        node_.is_open = false;
    }
    Result<std::size_t> read(vfs::IoBuffer& buffer) override;
    Result<std::size_t> write(vfs::IoBuffer& buffer) override;
    std::uint32_t poll(vfs::PollWatcher* watcher) override;
    bool can_poll() const override { return true; }

private:
    Result<void> wait_for_room();
    Node& node_;
    PortDevice& port_;
};

Result<RefPtr<vfs::File>> Node::open_port(vfs::Dentry& dentry, std::uint32_t flags) {
    auto& node = static_cast<Node&>(*vfs::find_device_file(vfs::mode_char, dentry.inode()->rdev()));
    if (node.port.state().is_gone) return Errc::no_device;
    if (node.is_open.exchange(true)) return Errc::busy;
    auto file = make_ref<PortFile>(dentry, flags, node);
    if (!file) {
        node.is_open = false;
        return file.error();
    }
    return RefPtr<vfs::File>(std::move(file).value());
}

Result<std::size_t> PortFile::read(vfs::IoBuffer& buffer) {
    if (buffer.size() == 0) return std::size_t{0};
    char piece[256];
    std::size_t moved = 0;
    for (;;) {
        while (buffer.size() != 0) {
            const std::size_t got =
                port_.receive(std::span(piece).first(std::min(sizeof piece, buffer.size())));
            if (got == 0) break;
            const auto put = buffer.put(piece, got);
            if (!put.ok()) return moved != 0 ? Result<std::size_t>(moved) : put;
            moved += put.value();
            if (put.value() != got) return moved;
        }
        if (moved != 0) return moved;
        const PortDevice::State now = port_.state();
        if (now.has_input) continue;
        if (now.is_gone || !now.is_connected) return std::size_t{0};
        if (is_nonblocking()) return Errc::would_block;
        TRY(port_.changed.wait_until([this] {
            const PortDevice::State s = port_.state();
            return s.has_input || !s.is_connected || s.is_gone;
        }));
    }
}

Result<void> PortFile::wait_for_room() {
    const auto is_ready = [this] {
        const PortDevice::State s = port_.state();
        return s.is_gone || (s.is_connected && s.has_room);
    };
    if (is_nonblocking() && !is_ready()) return Errc::would_block;
    TRY(port_.changed.wait_until(is_ready));
    if (port_.state().is_gone) return Errc::no_device;
    return {};
}

Result<std::size_t> PortFile::write(vfs::IoBuffer& buffer) {
    std::size_t moved = 0;
    char piece[256];
    while (buffer.size() != 0) {
        // Room first: what was taken from the program has to go.
        if (auto room = wait_for_room(); !room)
            return moved != 0 ? Result<std::size_t>(moved) : room.error();
        const auto taken = buffer.take(piece, sizeof piece);
        if (!taken.ok()) return moved != 0 ? Result<std::size_t>(moved) : taken;
        // One opener, but perhaps several threads: the room may be another's by now.
        for (std::string_view rest{piece, taken.value()}; !rest.empty();) {
            const std::size_t sent = port_.send(rest);
            rest.remove_prefix(sent);
            moved += sent;
            if (rest.empty()) break;
            if (port_.state().is_gone) return Errc::no_device;
            TRY(port_.changed.wait_until(
                [this] {
                    const PortDevice::State s = port_.state();
                    return s.has_room || s.is_gone;
                },
                Nanos::never(), sched::Interruptible::no));
        }
    }
    return moved;
}

std::uint32_t PortFile::poll(vfs::PollWatcher* watcher) {
    if (watcher) watcher->watch(port_.changed);
    const PortDevice::State s = port_.state();
    std::uint32_t events = 0;
    if (s.has_input) events |= vfs::poll_in | vfs::poll_rdnorm;
    if (s.is_connected && s.has_room) events |= vfs::poll_out | vfs::poll_wrnorm;
    if (!s.is_connected || s.is_gone) events |= vfs::poll_hup;
    return events;
}

} // namespace

Result<void> add_port(PortDevice& port, std::uint32_t device) {
    static constinit std::uint32_t minors = 0; // one thread boots
    Node& node = *TRY(make_own<Node>(port, minors++)).leak();
    format_into(node.text, "vport{}p{}", device, port.number());
    if (const std::string_view label = port.label(); !label.empty()) {
        format_into(node.link, "virtio-ports/{}", label);
        node.alias = node.link;
    }
    vfs::register_device_file(node);
    return {};
}

} // namespace drupe::tty

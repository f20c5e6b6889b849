// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/tty/console.h>

#include "framed_input.h"

#include <drupe/tty/framed_keys.h>
#include <drupe/vfs/device_file.h>
#include <drupe/vfs/file_system.h>

namespace drupe::tty {
namespace {

class TtyFile final : public vfs::File {
public:
    TtyFile(vfs::Dentry& dentry, std::uint32_t flags, Tty& tty) : File(dentry, flags), tty_(tty) {}
    Result<std::size_t> read(vfs::IoBuffer& buffer) override {
        return tty_.read(buffer, is_nonblocking());
    }
    Result<std::size_t> write(vfs::IoBuffer& buffer) override {
        return tty_.write(buffer, is_nonblocking());
    }
    Result<std::uint64_t> ioctl(std::uint32_t request, std::uint64_t argument) override {
        return tty_.ioctl(request, argument);
    }
    std::uint32_t poll(vfs::PollWatcher* watcher) override { return tty_.poll(watcher); }
    bool can_poll() const override { return true; }
    Result<void> set_async(const vfs::AsyncRequest* request) override {
        TRY(mark_async(tty_.async.set(*this, request), request != nullptr));
        // Nobody named: the foreground group, else who asks. [linux] __tty_fasync()
        if (!request || owner().id != 0) return {};
        const Id group = tty_.foreground();
        constexpr std::uint8_t of_process = 1, of_group = 2; // F_OWNER_PID, F_OWNER_PGRP
        set_owner({group != 0 ? group : request->pid, group != 0 ? of_group : of_process,
                   request->uid, request->euid});
        return {};
    }
    ~TtyFile() override { tty_.async.remove(*this); }

private:
    Tty& tty_;
};

/// Bytes to the host as they are; nothing to read.
class RawFile final : public vfs::File {
public:
    RawFile(vfs::Dentry& dentry, std::uint32_t flags, Tty::Write device)
        : File(dentry, flags), write_(device) {}
    Result<std::size_t> read(vfs::IoBuffer&) override { return std::size_t{0}; }
    Result<std::size_t> write(vfs::IoBuffer& buffer) override {
        std::size_t moved = 0;
        char piece[256];
        while (buffer.size() != 0) {
            const Result<std::size_t> taken = buffer.take(piece, sizeof piece);
            if (!taken.ok()) return moved != 0 ? Result<std::size_t>(moved) : taken;
            write_({piece, taken.value()});
            moved += taken.value();
        }
        return moved;
    }

private:
    Tty::Write write_;
};

/// Lives as long as the machine; made once there is memory.
struct Console {
    explicit Console(const ConsoleLine& console_line)
        : line(console_line), tty(console_line.write), framed_keys(tty) {}
    InputReceiver& receiver(InputKind kind) {
        switch (kind) {
        case InputKind::framed: return *framed;
        case InputKind::framed_keys: return framed_keys;
        case InputKind::keys: break;
        }
        return tty;
    }
    ConsoleLine line;
    Tty tty;
    FramedKeys framed_keys;
    OwnPtr<FramedInput> framed;
    InputPump pump;
};
constinit Console* console = nullptr;

Result<RefPtr<vfs::File>> open_console(vfs::Dentry& dentry, std::uint32_t flags) {
    return RefPtr<vfs::File>(TRY(make_ref<TtyFile>(dentry, flags, console->tty)));
}

// [posix] "/dev/tty": the terminal of the caller's session.
Result<RefPtr<vfs::File>> open_own(vfs::Dentry& dentry, std::uint32_t flags) {
    if (job_control() && (console->tty.session() == 0 ||
                          console->tty.session() != job_control()->session_of_caller()))
        return Errc::no_device;
    return open_console(dentry, flags);
}

Result<RefPtr<vfs::File>> open_raw(vfs::Dentry& dentry, std::uint32_t flags) {
    return RefPtr<vfs::File>(TRY(make_ref<RawFile>(dentry, flags, console->line.write)));
}

constinit vfs::DeviceFile devices[] = {{5, 0, "tty", 0666, open_own},
                                       {5, 1, "console", 0600, open_console},
                                       {240, 0, "rawconsole", 0600, open_raw}};

} // namespace

Result<void> start_console(const ConsoleLine& line, InputKind kind) {
    DRUPE_ASSERT(!console);
    auto fresh = TRY(make_own<Console>(line));
    if (kind == InputKind::framed) {
        fresh->framed = TRY(make_own<FramedInput>());
        fresh->framed->set_pump(fresh->pump);
    }
    fresh->tty.set_pump(fresh->pump);
    if (line.read) TRY(fresh->pump.start(line.read, fresh->receiver(kind)));
    console = fresh.leak();
    for (vfs::DeviceFile& device : devices) vfs::register_device_file(device);
    on_console_input(); // what came before the pump
    return {};
}

void add_console_node(std::uint32_t major, std::uint32_t minor, const char* name) {
    static constinit vfs::DeviceFile node{0, 0, nullptr, 0600, open_console};
    node.major = major;
    node.minor = minor;
    node.name = name;
    vfs::register_device_file(node);
}

void on_console_input() {
    if (console && console->line.read) console->pump.notify();
}

Tty& console_tty() { return console->tty; }

Result<RefPtr<vfs::File>> open_framed_input() {
    if (!console->framed) return Errc::invalid;
    auto dentry = TRY(vfs::create_anonymous("pipe", vfs::mode_fifo | 0600, true));
    return RefPtr<vfs::File>(
        TRY(make_ref<FramedFile>(*dentry, vfs::open_read_only, *console->framed)));
}

} // namespace drupe::tty

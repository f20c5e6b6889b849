// SPDX-License-Identifier: BSD-2-Clause
// Whom a file tells by a signal (fcntl's F_SETOWN), and in whose name.
#pragma once

#include <drupe/process/signal_abi.h>
#include <drupe/vfs/file.h>

namespace drupe::process {

class FileOwner {
public:
    enum class Type : std::uint8_t { thread, process, group }; // F_OWNER_*
    FileOwner() = default;
    /// The file's.
    explicit FileOwner(const vfs::File& file);
    /// Whom `id` names (0: nobody); the running process says so. no_process.
    static Result<FileOwner> create(Type type, Pid id);
    void store_in(vfs::File& file) const;
    Type type() const { return type_; }
    /// 0: nobody, or nobody any more.
    Pid id() const;
    /// The kernel's signal to all that it names and who named it may signal. Context: no lock of
    /// rank `process` or lower held.
    void send(int signo) const;
    /// What happened to the file: SIGIO, or the signal of fcntl's F_SETSIG, with its facts.
    /// vfs::AsyncRequest's `tell`.
    static void tell(const vfs::File& file, int fd, vfs::AsyncEvent event);

private:
    explicit FileOwner(const vfs::File::Owner& owner);
    bool may_signal(const class Process& target) const;
    void send(const SigInfo& info) const;
    Type type_ = Type::process;
    Pid id_ = 0;
    std::uint32_t uid_ = 0, euid_ = 0; // who named it
};

} // namespace drupe::process

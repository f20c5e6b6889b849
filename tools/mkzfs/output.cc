// SPDX-License-Identifier: BSD-2-Clause
#include "output.h"

#include "failure.h"
#include "gpt.h"

#include <filetree/host_file.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace drupe::mkzfs {

namespace {

// What the signal handler removes.
char temporary[4096];

extern "C" void remove_and_die(int number) {
    if (temporary[0] != '\0') unlink(temporary);
    signal(number, SIG_DFL);
    raise(number);
}

void watch_signals() {
    for (int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ, SIGXCPU, SIGQUIT})
        if (signal(number, SIG_IGN) != SIG_IGN) signal(number, remove_and_die);
    signal(SIGXFSZ, SIG_IGN); // a write beyond the limit fails like one to a full disk
}

Result<void> read_fully(int fd, std::uint64_t offset, zfs::MutableBytes out) {
    while (!out.empty()) {
        ssize_t n = pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return Errc::io;
        out = out.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return {};
}

} // namespace

std::optional<FileIdentity> identify(const std::string& path) {
    struct stat s {};
    if (stat(filetree::HostPath(path).c_str(), &s) != 0) return std::nullopt;
    return FileIdentity{s.st_dev, s.st_ino, static_cast<std::uint64_t>(s.st_size)};
}

std::optional<FileIdentity> Output::check_target(const std::string& path) {
    struct stat s {};
    if (stat(path.c_str(), &s) == 0 && !S_ISREG(s.st_mode)) fail("{}: not a regular file", path);
    return identify(path);
}

Output::Output(const std::string& path) : path_(path) {
    check_target(path);
    // Beside it, under a name that is never longer than a name may be.
    std::string name =
        fmt::format("{}.mkzfs-{}.tmp", path.substr(0, path.rfind('/') + 1), getpid());
    if (name.size() >= sizeof temporary) fail("{}: the path is too long", path);
    watch_signals();
    // No signal comes between the file and its name where the handler looks.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    fd_ = open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int why = errno;
    if (fd_ >= 0) std::memcpy(temporary, name.c_str(), name.size() + 1);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (fd_ < 0) fail("{}: {}", path, std::strerror(why));
}

Output::~Output() {
    if (fd_ >= 0) close(fd_);
    if (temporary[0] != '\0') unlink(temporary);
    temporary[0] = '\0';
}

void Output::write(std::uint64_t offset, zfs::Bytes bytes) { write_file(region_ + offset, bytes); }

void Output::write_file(std::uint64_t offset, zfs::Bytes bytes) {
    while (!bytes.empty()) {
        ssize_t n = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail("{}: {}", path_, std::strerror(errno));
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
}

void Output::set_sizes(std::uint64_t region_size, std::uint64_t file_size) {
    size_ = region_size;
    if (ftruncate(fd_, static_cast<off_t>(file_size)) != 0)
        fail("{}: {}", path_, std::strerror(errno));
}

void Output::finish() {
    if (close(std::exchange(fd_, -1)) != 0) fail("{}: {}", path_, std::strerror(errno));
    if (rename(temporary, path_.c_str()) != 0) fail("{}: {}", path_, std::strerror(errno));
    temporary[0] = '\0';
}

Result<void> Output::read(std::uint64_t offset, zfs::MutableBytes out) {
    if (offset > size_ || out.size() > size_ - offset) return Errc::io;
    return read_fully(fd_, region_ + offset, out);
}

Input::Input(const std::string& path) {
    fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) fail("{}: {}", path, std::strerror(errno));
    off_t end = lseek(fd_, 0, SEEK_END);
    if (end < 0) fail("{}: {}", path, std::strerror(errno));
    size_ = static_cast<std::uint64_t>(end);
    if (auto partition = find_zfs_partition(*this)) {
        region_ = partition->first;
        size_ = partition->second;
    }
}

Input::~Input() {
    if (fd_ >= 0) close(fd_);
}

Result<void> Input::read(std::uint64_t offset, zfs::MutableBytes out) {
    if (offset > size_ || out.size() > size_ - offset) return Errc::io;
    return read_fully(fd_, region_ + offset, out);
}

} // namespace drupe::mkzfs

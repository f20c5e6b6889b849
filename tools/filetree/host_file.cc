// SPDX-License-Identifier: BSD-2-Clause
#include <filetree/host_file.h>
#include <filetree/tree.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace drupe::filetree {

namespace {

[[noreturn]] void fail(const std::string& path, std::string_view what) {
    throw Error(fmt::format("{}: {}", path, what));
}

} // namespace

HostPath::HostPath(const std::string& path) : path_(path) {
    std::string_view rest = path;
    while (rest.size() >= PATH_MAX) {
        std::size_t cut = rest.rfind('/', PATH_MAX - 2);
        if (cut == std::string_view::npos) break; // a name that no file has
        std::string part(rest.substr(0, cut + 1));
        int next = openat(folder_ < 0 ? AT_FDCWD : folder_, part.c_str(),
                          O_PATH | O_DIRECTORY | O_CLOEXEC);
        int error = errno;
        if (folder_ >= 0) close(folder_);
        folder_ = next;
        if (next < 0) fail(path, std::strerror(error));
        rest.remove_prefix(cut + 1);
    }
    if (folder_ >= 0) short_ = fmt::format("/proc/self/fd/{}/{}", folder_, rest);
}

HostPath::~HostPath() {
    if (folder_ >= 0) close(folder_);
}

HostFile::HostFile(const std::string& path) : path_(path) {
    // Not to wait for a writer, should it have become a pipe.
    fd_ = open(HostPath(path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd_ < 0) fail(path, std::strerror(errno));
    struct stat s {};
    const char* wrong = fstat(fd_, &s) != 0   ? std::strerror(errno)
                        : !S_ISREG(s.st_mode) ? "not a regular file"
                                              : nullptr;
    if (wrong != nullptr) {
        close(fd_);
        fail(path, wrong);
    }
    size_ = static_cast<std::uint64_t>(s.st_size);
}

HostFile::~HostFile() { close(fd_); }

void HostFile::read(std::uint64_t at, std::span<std::byte> out) const {
    while (!out.empty()) {
        ssize_t n = pread(fd_, out.data(), out.size(), static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail(path_, std::strerror(errno));
        if (n == 0) fail(path_, "it is shorter than its size says, or became so");
        out = out.subspan(static_cast<std::size_t>(n));
        at += static_cast<std::uint64_t>(n);
    }
}

std::uint64_t HostFile::next_data(std::uint64_t at) const {
    off_t found = lseek(fd_, static_cast<off_t>(at), SEEK_DATA);
    if (found >= 0) return static_cast<std::uint64_t>(found);
    return errno == ENXIO ? UINT64_MAX : at;
}

std::string read_stream(const std::string& path, std::size_t limit) {
    int fd = open(HostPath(path).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail(path, std::strerror(errno));
    std::string text;
    ssize_t n = 1;
    constexpr std::size_t step = 1 << 16;
    while (n != 0 && text.size() <= limit) {
        std::size_t old = text.size();
        text.resize(old + step);
        n = ::read(fd, text.data() + old, step);
        text.resize(old + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
        if (n < 0 && errno != EINTR) break;
    }
    int error = errno;
    close(fd);
    if (n < 0) fail(path, std::strerror(error));
    if (text.size() > limit) fail(path, fmt::format("it has more than {} bytes", limit));
    return text;
}

} // namespace drupe::filetree

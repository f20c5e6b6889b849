// SPDX-License-Identifier: BSD-2-Clause
#include "content.h"
#include "failure.h"

#include <drupe/zfs/nvlist.h>

#include <filetree/host_file.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <sys/xattr.h>
#include <vector>

namespace drupe::mkzfs {

namespace {

constexpr std::size_t max_packed = 32768; // what OpenZFS admits beside a file's other attributes

// Calls `get(buffer, size)` until the buffer is large enough. Empty when the file system has none.
template <class Get>
std::string read_growing(const std::string& path, Get get) {
    std::string buffer(256, '\0');
    for (;;) {
        ssize_t n = get(buffer.data(), buffer.size());
        if (n >= 0) {
            buffer.resize(static_cast<std::size_t>(n));
            return buffer;
        }
        if (errno == ENOTSUP || errno == ENODATA) return {};
        if (errno != ERANGE) fail("{}: extended attributes: {}", path, std::strerror(errno));
        buffer.resize(buffer.size() * 16);
    }
}

} // namespace

zfs::Buffer read_xattrs(int fd, const std::string& path) {
    const filetree::HostPath host{path};
    std::string names = read_growing(path, [&](char* b, std::size_t n) {
        return fd >= 0 ? flistxattr(fd, b, n) : llistxattr(host.c_str(), b, n);
    });
    zfs::Buffer packed;
    if (names.empty()) return packed;
    std::vector<std::string> sorted;
    for (std::size_t at = 0; at < names.size(); at += sorted.back().size() + 1)
        sorted.emplace_back(names.c_str() + at);
    std::sort(sorted.begin(), sorted.end());
    zfs::NvWriter nv{packed};
    must(nv.begin(), path);
    for (const std::string& name : sorted) {
        std::string value = read_growing(path, [&](char* b, std::size_t n) {
            return fd >= 0 ? fgetxattr(fd, name.c_str(), b, n)
                           : lgetxattr(host.c_str(), name.c_str(), b, n);
        });
        must(nv.byte_array(name, zfs::bytes_of(value)), path);
    }
    must(nv.end(), path);
    if (packed.size() > max_packed)
        fail("{}: its extended attributes take more than {} bytes", path, max_packed);
    return packed;
}

} // namespace drupe::mkzfs

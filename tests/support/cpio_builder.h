// SPDX-License-Identifier: BSD-2-Clause
// Writes newc archives, in order or with the liberties docs/bootfs.md allows.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace drupe::testing {

class CpioBuilder {
public:
    struct Entry {
        std::string name;
        std::uint32_t mode = 0100644;
        std::string data = {};
        std::uint32_t ino = 1, nlink = 1, uid = 0, gid = 0, mtime = 0;
        std::uint32_t rdev_major = 0, rdev_minor = 0;
        bool page_aligned = false; // data begins at a page; NULs behind the name make it so
    };

    CpioBuilder& add(const Entry& e) {
        std::size_t name_bytes = e.name.size() + 1;
        if (e.page_aligned)
            while ((bytes_.size() + 110 + name_bytes) % 4096 != 0) name_bytes++;
        char header[111];
        std::snprintf(header, sizeof header,
                      "070701%08X%08x%08X%08x%08X%08x%08X%08x%08X%08x%08X%08zx%08X", e.ino, e.mode,
                      e.uid, e.gid, e.nlink, e.mtime, static_cast<unsigned>(e.data.size()), 0u, 0u,
                      e.rdev_major, e.rdev_minor, name_bytes, 0u);
        bytes_.append(header, 110);
        bytes_ += e.name;
        bytes_.append(name_bytes - e.name.size(), '\0');
        pad(4);
        bytes_ += e.data;
        pad(4);
        return *this;
    }
    CpioBuilder& trailer() { return add({.name = "TRAILER!!!", .mode = 0}); }
    CpioBuilder& pad(std::size_t alignment) {
        while (bytes_.size() % alignment != 0) bytes_ += '\0';
        return *this;
    }
    std::string& bytes() { return bytes_; }

private:
    std::string bytes_;
};

} // namespace drupe::testing

// SPDX-License-Identifier: BSD-2-Clause
// Reads archives in cpio's newc format. Pure: bytes in, entries out; no memory is taken, nothing is
// trusted. Format: header of 110 ASCII bytes, name, data; name and data padded to four bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::cpio {

struct Entry {
    std::string_view name; // up to the first NUL
    std::span<std::byte> data;
    std::size_t data_offset; // in the whole archive
    std::uint32_t ino, mode, uid, gid, nlink, mtime;
    std::uint32_t device_major, device_minor;
};

enum class Step : std::uint8_t {
    entry,
    trailer, // one archive ends; another may follow
    end,     // nothing but NULs is left
    defect,
};

class Reader {
public:
    explicit Reader(std::span<std::byte> archive) : archive_(archive) {}

    /// The next entry into `entry`. After `defect` the reader stays where the defect is.
    Step next(Entry& entry);
    /// Bytes consumed so far; at a defect, where it begins.
    std::size_t offset() const { return at_; }
    /// What is wrong, in words; valid after `defect`.
    const char* defect() const { return defect_; }

private:
    Step fail(const char* why) {
        defect_ = why;
        return Step::defect;
    }
    std::span<std::byte> archive_;
    std::size_t at_ = 0;
    const char* defect_ = nullptr;
};

} // namespace drupe::cpio

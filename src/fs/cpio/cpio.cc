// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/cpio/cpio.h>

#include <cstring>

namespace drupe::cpio {
namespace {

constexpr std::size_t header_bytes = 110;
constexpr std::size_t most_name = 4096;

/// Fields of the header, in order, eight hexadecimal digits each behind the six of the magic.
enum Field : unsigned {
    field_ino,
    field_mode,
    field_uid,
    field_gid,
    field_nlink,
    field_mtime,
    field_filesize,
    field_devmajor,
    field_devminor,
    field_rdevmajor,
    field_rdevminor,
    field_namesize,
    field_check,
};

constexpr std::uint64_t each_byte(std::uint8_t value) { return value * 0x0101'0101'0101'0101u; }

/// Eight digits at once: a boot reads thousands of these.
bool parse_hex(const std::byte* digits, std::uint32_t& value) {
    std::uint64_t word;
    std::memcpy(&word, digits, sizeof word); // the first digit in the lowest byte
    const std::uint64_t high = each_byte(0x80);
    if (word & high) return false;
    const std::uint64_t lower = word | each_byte(0x20); // letters to lower case; digits stay
    // A byte's top bit says whether it is at least the bound.
    const auto at_least = [high](std::uint64_t w, std::uint8_t bound) {
        return (w + each_byte(static_cast<std::uint8_t>(0x80 - bound))) & high;
    };
    const std::uint64_t digit = at_least(word, '0') & ~at_least(word, '9' + 1);
    const std::uint64_t letter = at_least(lower, 'a') & ~at_least(lower, 'f' + 1);
    if ((digit | letter) != high) return false;
    std::uint64_t nibbles = (word & each_byte(0x0f)) + (letter >> 7) * 9;
    // Pairs, then quads, then all: the first digit becomes the highest.
    nibbles = ((nibbles & 0x000f'000f'000f'000f) << 4) | ((nibbles >> 8) & 0x000f'000f'000f'000f);
    nibbles = ((nibbles & 0x0000'00ff'0000'00ff) << 8) | ((nibbles >> 16) & 0x0000'00ff'0000'00ff);
    value = static_cast<std::uint32_t>(((nibbles & 0xffff) << 16) | (nibbles >> 32 & 0xffff));
    return true;
}

constexpr std::size_t align4(std::size_t n) { return (n + 3) & ~std::size_t{3}; }

} // namespace

Step Reader::next(Entry& entry) {
    // Between archives there may be NULs; headers begin at multiples of four.
    while (at_ < archive_.size() && archive_[at_] == std::byte{0}) at_++;
    if (at_ == archive_.size()) return Step::end;
    if (at_ % 4 != 0) return fail("an entry does not begin at a multiple of four bytes");
    const std::size_t left = archive_.size() - at_;
    const std::byte* header = archive_.data() + at_;
    if (left < header_bytes) return fail("the archive ends inside a header");
    if (std::memcmp(header, "070701", 6) != 0) return fail("this is no newc header");
    std::uint32_t fields[field_check];
    for (unsigned i = 0; i < field_check; i++)
        if (!parse_hex(header + 6 + 8 * i, fields[i]))
            return fail("a header field is not hexadecimal");

    const std::size_t name_bytes = fields[field_namesize];
    if (name_bytes == 0 || name_bytes > most_name) return fail("a name has an impossible length");
    if (left - header_bytes < name_bytes) return fail("the archive ends inside a name");
    const char* name = reinterpret_cast<const char*>(header + header_bytes);
    if (name[name_bytes - 1] != 0) return fail("a name does not end with NUL");
    const std::size_t data_at = align4(header_bytes + name_bytes);
    const std::size_t data_bytes = fields[field_filesize];
    if (left < data_at || left - data_at < data_bytes)
        return fail("the archive ends inside a file's data");

    entry.name = {name, std::strlen(name)};
    entry.data = archive_.subspan(at_ + data_at, data_bytes);
    entry.data_offset = at_ + data_at;
    entry.ino = fields[field_ino];
    entry.mode = fields[field_mode];
    entry.uid = fields[field_uid];
    entry.gid = fields[field_gid];
    entry.nlink = fields[field_nlink];
    entry.mtime = fields[field_mtime];
    entry.device_major = fields[field_rdevmajor];
    entry.device_minor = fields[field_rdevminor];
    // The padding behind the last entry's data may be missing.
    const std::size_t next = data_at + align4(data_bytes);
    at_ += next < left ? next : left;
    return entry.name == "TRAILER!!!" ? Step::trailer : Step::entry;
}

} // namespace drupe::cpio

// SPDX-License-Identifier: BSD-2-Clause
// The messages of 9P2000.L ([9p] "9P2000.L protocol"): writing requests, reading replies. Pure. The
// server is not trusted: what a reader hands out lies inside the reply, and is as the protocol has
// it; a reply that is not is Errc::io.
#pragma once

#include <drupe/base/result.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::p9 {

/// A request's type; its reply's is one more.
enum class Type : std::uint8_t {
    error = 6, // only the reply
    statfs = 8,
    open = 12,
    create = 14,
    symlink = 16,
    mknod = 18,
    readlink = 22,
    get_attributes = 24,
    set_attributes = 26,
    xattr_walk = 30,
    xattr_create = 32,
    read_directory = 40,
    sync = 50,
    link = 70,
    mkdir = 72,
    rename_at = 74,
    unlink_at = 76,
    version = 100,
    attach = 104,
    flush = 108,
    walk = 110,
    read = 116,
    write = 118,
    clunk = 120,
};

inline constexpr std::uint16_t no_tag = 0xffff;
inline constexpr std::uint32_t no_fid = 0xffff'ffff;
inline constexpr std::size_t header_bytes = 7;
/// What stands in front of the data of a read's reply and of a write's request.
inline constexpr std::size_t read_header_bytes = header_bytes + 4;
inline constexpr std::size_t write_header_bytes = header_bytes + 16;
inline constexpr std::string_view version_name = "9P2000.L";

/// Writes one request. Numbers and strings follow in the order of the protocol.
class Writer {
public:
    Writer(std::span<std::byte> memory, Type type, std::uint16_t tag);
    Writer& u8(std::uint8_t v) { return number(v, 1); }
    Writer& u16(std::uint16_t v) { return number(v, 2); }
    Writer& u32(std::uint32_t v) { return number(v, 4); }
    Writer& u64(std::uint64_t v) { return number(v, 8); }
    Writer& text(std::string_view text);
    /// The bytes written; `more` bytes of data follow them elsewhere. 0: they did not fit.
    std::size_t finish(std::size_t more = 0);

private:
    Writer& number(std::uint64_t value, unsigned width);
    std::span<std::byte> memory_;
    std::size_t at_ = 0;
    bool fits_ = true;
};

/// Reads what a server sent. Reading beyond the end gives zeros and spoils the reader.
class Reader {
public:
    explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}
    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::uint64_t u64() { return number(8); }
    std::string_view text();
    bool is_sound() const { return sound_; }
    std::size_t left() const { return rest_.size(); }

private:
    std::uint64_t number(unsigned width);
    std::span<const std::byte> rest_;
    bool sound_ = true;
};

/// The body of a reply: `bytes` are those the server wrote. The server's error, or io when this is
/// no reply to the request.
Result<Reader> open_reply(std::span<const std::byte> bytes, Type request, std::uint16_t tag);
/// The same for a reply whose data went elsewhere: `bytes` is its head, `written` counts all that
/// came. The bytes of data, at most `asked`.
Result<std::uint32_t> open_data_reply(std::span<const std::byte> bytes, std::size_t written,
                                      Type request, std::uint16_t tag, std::uint32_t asked);

struct Qid {
    std::uint8_t type = 0;
    std::uint32_t version = 0;
    std::uint64_t path = 0;
};
inline constexpr std::uint8_t qid_directory = 0x80, qid_symlink = 0x02;

struct VersionReply {
    std::uint32_t message_bytes;
};
/// not_supported: the server speaks something else. `offered`: the size that was proposed.
Result<VersionReply> read_version(Reader reader, std::uint32_t offered);
Result<Qid> read_qid(Reader reader);
/// walk: the object that the last of `names` (0 or 1) leads to; not_found.
Result<Qid> read_walk(Reader reader, unsigned names);

struct Time {
    std::int64_t seconds;
    std::uint32_t nanoseconds;
};
struct AttributesReply {
    Qid qid;
    std::uint32_t mode, uid, gid, nlink;
    std::uint64_t rdev, size, blocks;
    std::uint32_t block_bytes;
    Time atime, mtime, ctime;
};
Result<AttributesReply> read_attributes(Reader reader);

struct StatfsReply {
    std::uint32_t type, block_bytes;
    std::uint64_t blocks, blocks_free, files, files_free;
};
Result<StatfsReply> read_statfs(Reader reader);
/// A symbolic link's target: not empty, no NUL in it, shorter than a path may be.
Result<std::string_view> read_target(Reader reader);
/// write: how many bytes, at most `sent`.
Result<std::uint32_t> read_count(Reader reader, std::uint32_t sent);

struct Entry {
    Qid qid;
    std::uint64_t next; // where to go on behind it
    std::uint8_t type;  // as in getdents
    std::string_view name;
};
/// The next entry of a directory's data, from where `reader` is. False: there is none. io: the
/// name cannot be one.
Result<bool> read_entry(Reader& reader, Entry& entry);

} // namespace drupe::p9

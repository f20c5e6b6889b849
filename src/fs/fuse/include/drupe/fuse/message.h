// SPDX-License-Identifier: BSD-2-Clause
// FUSE's messages: writing requests, reading replies. Pure. The server is not trusted: what a
// reader hands out lies inside the reply, and is as the protocol has it; a reply that is not is
// Errc::io.
#pragma once

#include <drupe/base/result.h>
#include <drupe/fuse/replies.h>
#include <drupe/fuse/requests.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace drupe::fuse {

/// Writes one request: its structures and texts one behind the other.
class Writer {
public:
    /// `header.bytes` is filled in at the end.
    Writer(std::span<std::byte> memory, const RequestHeader& header) : memory_(memory) {
        put(header);
    }
    template <class T>
    Writer& put(const T& part) {
        static_assert(std::is_trivially_copyable_v<T>);
        return bytes(&part, sizeof part);
    }
    /// With a NUL behind it.
    Writer& text(std::string_view text) { return bytes(text.data(), text.size()).put('\0'); }
    Writer& bytes(const void* from, std::size_t count);
    /// The bytes written; `more` bytes of data follow them elsewhere. 0: they did not fit.
    std::size_t finish(std::size_t more = 0);

private:
    std::span<std::byte> memory_;
    std::size_t at_ = 0;
    bool fits_ = true;
};

/// Reads what a server sent. Reading beyond the end gives zeros and spoils the reader.
class Reader {
public:
    explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}
    template <class T>
    T take() {
        static_assert(std::is_trivially_copyable_v<T>);
        T part{};
        const std::span<const std::byte> from = bytes(sizeof part);
        if (!from.empty()) std::memcpy(&part, from.data(), sizeof part);
        return part;
    }
    std::string_view text(std::size_t length);
    /// Empty when there are not so many.
    std::span<const std::byte> bytes(std::size_t count);
    bool is_sound() const { return sound_; }
    std::size_t left() const { return rest_.size(); }

private:
    std::span<const std::byte> rest_;
    bool sound_ = true;
};

/// The body of a reply: `bytes` are those the server wrote. The server's error, or io when this is
/// no reply to the request.
Result<Reader> open_reply(std::span<const std::byte> bytes, std::uint64_t unique);
/// The same for a reply whose data went elsewhere: `head` is its first bytes, `written` counts all
/// that came. The bytes of data, at most `asked`.
Result<std::uint32_t> open_data_reply(std::span<const std::byte> head, std::size_t written,
                                      std::uint64_t unique, std::uint32_t asked);

/// not_supported: the server speaks another version. At least 4096 bytes can be written at once.
Result<InitReply> read_init(Reader reader);

/// What a server says of an object: its number there, and the rest. For how long that is good it
/// says, too; it may be asked again before.
struct Entry {
    std::uint64_t node;
    Attributes attributes;
};
/// not_found: a name that leads nowhere.
Result<Entry> read_entry(Reader& reader);
Result<Attributes> read_attributes(Reader reader);
Result<OpenReply> read_open(Reader reader);
Result<StatfsReply> read_statfs(Reader reader);
/// A symbolic link's target: not empty, no NUL in it, shorter than a path may be.
Result<std::string_view> read_target(Reader reader);
/// write: how many bytes, at most `sent`; getxattr without room: how many there are.
Result<std::uint32_t> read_count(Reader reader, std::uint32_t most);
/// lseek: at most the largest file's size.
Result<std::uint64_t> read_offset(Reader reader);

struct Name {
    std::uint64_t ino;
    std::uint64_t next; // where to go on behind it
    std::uint8_t type;  // as in getdents
    std::string_view name;
};
/// The next name of a directory's data, from where `reader` is. False: there is none. io: the name
/// cannot be one, or ends behind the data.
Result<bool> read_name(Reader& reader, Name& name);

} // namespace drupe::fuse

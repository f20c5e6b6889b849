// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/p9/message.h>
#include <drupe/wire/linux.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace drupe::p9 {
namespace {

Qid take_qid(Reader& reader) {
    Qid qid;
    qid.type = reader.u8();
    qid.version = reader.u32();
    qid.path = reader.u64();
    return qid;
}

Time take_time(Reader& reader) {
    Time time;
    time.seconds = static_cast<std::int64_t>(reader.u64());
    time.nanoseconds =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(reader.u64(), 999'999'999));
    return time;
}

template <class T>
Result<T> if_sound(const Reader& reader, const T& value) {
    return reader.is_sound() ? Result<T>(value) : Result<T>(Errc::io);
}

/// Checks head and tag; true: the reply is the one to this request.
Result<void> check_head(Reader& reader, std::size_t written, Type request, std::uint16_t tag) {
    const std::uint32_t bytes = reader.u32();
    const std::uint8_t type = reader.u8();
    const std::uint16_t replied = reader.u16();
    if (!reader.is_sound() || bytes < header_bytes || bytes > written || replied != tag)
        return Errc::io;
    if (type == static_cast<std::uint8_t>(request) + 1) return {};
    if (type != static_cast<std::uint8_t>(Type::error) + 1) return Errc::io;
    const std::uint32_t number = reader.u32();
    return reader.is_sound() ? wire::error_of(number) : Errc::io;
}

} // namespace

Writer::Writer(std::span<std::byte> memory, Type type, std::uint16_t tag) : memory_(memory) {
    u32(0).u8(static_cast<std::uint8_t>(type)).u16(tag);
}

Writer& Writer::number(std::uint64_t value, unsigned width) {
    fits_ = fits_ && width <= memory_.size() - at_;
    if (!fits_) return *this;
    for (unsigned i = 0; i < width; i++, value >>= 8)
        memory_[at_++] = static_cast<std::byte>(value & 0xff);
    return *this;
}

Writer& Writer::text(std::string_view text) {
    u16(static_cast<std::uint16_t>(text.size()));
    fits_ = fits_ && text.size() <= 0xffff && text.size() <= memory_.size() - at_;
    if (!fits_) return *this;
    std::memcpy(memory_.data() + at_, text.data(), text.size());
    at_ += text.size();
    return *this;
}

std::size_t Writer::finish(std::size_t more) {
    if (!fits_) return 0;
    const std::size_t end = std::exchange(at_, 0);
    u32(static_cast<std::uint32_t>(end + more));
    return end;
}

std::uint64_t Reader::number(unsigned width) {
    sound_ = sound_ && width <= rest_.size();
    if (!sound_) return 0;
    std::uint64_t value = 0;
    for (unsigned i = width; i-- != 0;) value = value << 8 | static_cast<std::uint8_t>(rest_[i]);
    rest_ = rest_.subspan(width);
    return value;
}

std::string_view Reader::text() {
    const std::size_t length = u16();
    sound_ = sound_ && length <= rest_.size();
    if (!sound_) return {};
    const std::string_view found(reinterpret_cast<const char*>(rest_.data()), length);
    rest_ = rest_.subspan(length);
    return found;
}

Result<Reader> open_reply(std::span<const std::byte> bytes, Type request, std::uint16_t tag) {
    Reader reader(bytes);
    const std::size_t size = Reader(bytes).u32();
    if (size < bytes.size()) reader = Reader(bytes.first(size));
    TRY(check_head(reader, bytes.size(), request, tag));
    return reader;
}

Result<std::uint32_t> open_data_reply(std::span<const std::byte> bytes, std::size_t written,
                                      Type request, std::uint16_t tag, std::uint32_t asked) {
    Reader reader(bytes.first(std::min(written, bytes.size())));
    TRY(check_head(reader, written, request, tag));
    const std::uint32_t count = reader.u32();
    if (!reader.is_sound() || count > asked || count > written - read_header_bytes) return Errc::io;
    return count;
}

Result<VersionReply> read_version(Reader reader, std::uint32_t offered) {
    constexpr std::uint32_t least = 4096;
    const VersionReply reply{reader.u32()};
    const std::string_view name = reader.text();
    if (!reader.is_sound()) return Errc::io;
    if (name != version_name) return Errc::not_supported;
    if (reply.message_bytes < least || reply.message_bytes > offered) return Errc::io;
    return reply;
}

Result<Qid> read_qid(Reader reader) {
    const Qid qid = take_qid(reader);
    return if_sound(reader, qid);
}

Result<Qid> read_walk(Reader reader, unsigned names) {
    const unsigned count = reader.u16();
    Qid qid;
    for (unsigned i = 0; i < std::min(count, names); i++) qid = take_qid(reader);
    if (!reader.is_sound() || count > names) return Errc::io;
    return count < names ? Result<Qid>(Errc::not_found) : Result<Qid>(qid);
}

Result<AttributesReply> read_attributes(Reader reader) {
    AttributesReply a;
    static_cast<void>(
        reader.u64()); // which of them are valid: the basic ones, which were asked for
    a.qid = take_qid(reader);
    a.mode = reader.u32();
    a.uid = reader.u32();
    a.gid = reader.u32();
    a.nlink = static_cast<std::uint32_t>(std::min<std::uint64_t>(reader.u64(), UINT32_MAX));
    a.rdev = reader.u64();
    a.size = reader.u64();
    a.block_bytes = static_cast<std::uint32_t>(reader.u64());
    a.blocks = reader.u64();
    a.atime = take_time(reader);
    a.mtime = take_time(reader);
    a.ctime = take_time(reader);
    if (!reader.is_sound() || !wire::is_kind(a.mode) || a.size > wire::largest_file)
        return Errc::io;
    // Who walks and who looks must agree on what a directory is.
    const bool is_directory = (a.mode & wire::kind_mask) == wire::kind_directory;
    if (((a.qid.type & qid_directory) != 0) != is_directory) return Errc::io;
    return a;
}

Result<StatfsReply> read_statfs(Reader reader) {
    StatfsReply s;
    s.type = reader.u32();
    s.block_bytes = reader.u32();
    s.blocks = reader.u64();
    s.blocks_free = reader.u64();
    static_cast<void>(reader.u64()); // free for users without privileges
    s.files = reader.u64();
    s.files_free = reader.u64();
    return if_sound(reader, s);
}

Result<std::string_view> read_target(Reader reader) {
    const std::string_view target = reader.text();
    if (!reader.is_sound() || !wire::is_target(target)) return Errc::io;
    return target;
}

Result<std::uint32_t> read_count(Reader reader, std::uint32_t sent) {
    const std::uint32_t count = reader.u32();
    return reader.is_sound() && count <= sent ? Result<std::uint32_t>(count) : Errc::io;
}

Result<bool> read_entry(Reader& reader, Entry& entry) {
    if (reader.left() == 0) return false;
    entry.qid = take_qid(reader);
    entry.next = reader.u64();
    entry.type = reader.u8();
    entry.name = reader.text();
    if (!reader.is_sound() || !wire::is_name(entry.name) || entry.next > wire::largest_file ||
        entry.type > 15)
        return Errc::io;
    return true;
}

} // namespace drupe::p9

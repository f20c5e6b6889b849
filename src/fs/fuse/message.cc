// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/fuse/message.h>
#include <drupe/wire/linux.h>

#include <algorithm>
#include <utility>

namespace drupe::fuse {
namespace {

constexpr std::uint32_t second_ns = 1'000'000'000;

bool clean(Attributes& a) {
    for (std::uint32_t* ns : {&a.atime_ns, &a.mtime_ns, &a.ctime_ns})
        *ns = std::min<std::uint32_t>(*ns, second_ns - 1);
    return wire::is_kind(a.mode) && a.size <= wire::largest_file;
}

template <class T>
Result<T> read_whole(Reader reader) {
    const T value = reader.take<T>();
    return reader.is_sound() ? Result<T>(value) : Result<T>(Errc::io);
}

/// `written` counts all that came, `reader` is at its first bytes.
Result<std::size_t> check_head(Reader& reader, std::size_t written, std::uint64_t unique) {
    const auto head = reader.take<ReplyHeader>();
    if (!reader.is_sound() || head.bytes < sizeof head || head.bytes > written ||
        head.unique != unique)
        return Errc::io;
    if (head.error == 0) return head.bytes - sizeof head;
    constexpr std::int32_t largest_error = 4095;
    if (head.error > 0 || head.error < -largest_error) return Errc::io;
    return wire::error_of(static_cast<std::uint32_t>(-head.error));
}

} // namespace

Writer& Writer::bytes(const void* from, std::size_t count) {
    fits_ = fits_ && count <= memory_.size() - at_;
    if (!fits_ || count == 0) return *this;
    std::memcpy(memory_.data() + at_, from, count);
    at_ += count;
    return *this;
}

std::size_t Writer::finish(std::size_t more) {
    if (!fits_) return 0;
    const std::size_t end = std::exchange(at_, 0);
    put(static_cast<std::uint32_t>(end + more));
    return end;
}

std::span<const std::byte> Reader::bytes(std::size_t count) {
    sound_ = sound_ && count <= rest_.size();
    if (!sound_) return {};
    const std::span<const std::byte> found = rest_.first(count);
    rest_ = rest_.subspan(count);
    return found;
}

std::string_view Reader::text(std::size_t length) {
    const std::span<const std::byte> found = bytes(length);
    return {reinterpret_cast<const char*>(found.data()), found.size()};
}

Result<Reader> open_reply(std::span<const std::byte> bytes, std::uint64_t unique) {
    Reader reader(bytes);
    const std::size_t body = TRY(check_head(reader, bytes.size(), unique));
    return Reader(reader.bytes(body));
}

Result<std::uint32_t> open_data_reply(std::span<const std::byte> head, std::size_t written,
                                      std::uint64_t unique, std::uint32_t asked) {
    Reader reader(head.first(std::min(written, head.size())));
    const std::size_t body = TRY(check_head(reader, written, unique));
    return body <= asked ? Result<std::uint32_t>(static_cast<std::uint32_t>(body)) : Errc::io;
}

Result<InitReply> read_init(Reader reader) {
    constexpr std::uint32_t major = 7, least_minor = 31, least_write = 4096;
    const auto head = TRY(read_whole<std::uint64_t>(reader));
    if (static_cast<std::uint32_t>(head) != major || head >> 32 < least_minor)
        return Errc::not_supported;
    const auto reply = TRY(read_whole<InitReply>(reader));
    return reply.max_write >= least_write ? Result<InitReply>(reply) : Errc::io;
}

Result<Entry> read_entry(Reader& reader) {
    auto reply = reader.take<EntryReply>();
    if (!reader.is_sound()) return Errc::io;
    if (reply.node == 0) return Errc::not_found;
    if (reply.node == root_node || !clean(reply.attributes)) return Errc::io;
    return Entry{reply.node, reply.attributes};
}

Result<Attributes> read_attributes(Reader reader) {
    auto reply = TRY(read_whole<AttributesReply>(reader));
    if (!clean(reply.attributes)) return Errc::io;
    return reply.attributes;
}

Result<OpenReply> read_open(Reader reader) { return read_whole<OpenReply>(reader); }
Result<StatfsReply> read_statfs(Reader reader) { return read_whole<StatfsReply>(reader); }

Result<std::string_view> read_target(Reader reader) {
    const std::string_view target = reader.text(reader.left());
    return wire::is_target(target) ? Result<std::string_view>(target) : Errc::io;
}

Result<std::uint32_t> read_count(Reader reader, std::uint32_t most) {
    const auto reply = TRY(read_whole<CountReply>(reader));
    return reply.bytes <= most ? Result<std::uint32_t>(reply.bytes) : Errc::io;
}

Result<std::uint64_t> read_offset(Reader reader) {
    const auto reply = TRY(read_whole<LseekReply>(reader));
    return reply.offset <= wire::largest_file ? Result<std::uint64_t>(reply.offset) : Errc::io;
}

Result<bool> read_name(Reader& reader, Name& name) {
    if (reader.left() == 0) return false;
    const auto entry = reader.take<DirectoryEntry>();
    const std::string_view text = reader.text(entry.name_bytes);
    static_cast<void>(reader.bytes(-entry.name_bytes % 8));
    if (!reader.is_sound() || !wire::is_name(text) || entry.next > wire::largest_file ||
        entry.type > 15)
        return Errc::io;
    name = {entry.ino, entry.next, static_cast<std::uint8_t>(entry.type), text};
    return true;
}

} // namespace drupe::fuse

// SPDX-License-Identifier: BSD-2-Clause
// A server's reply is the input: a byte that says which request it answers, and the reply. What the
// readers hand out lies inside it, and no name, count or number is one that the protocol forbids.
#include "../target.h"

#include "../bytes.h"

#include <drupe/fuse/message.h>

#include <cstring>
#include <string>

using namespace drupe;
using fuzz::Bytes;
using namespace drupe::fuse;

namespace {

constexpr std::uint64_t unique = 8;
constexpr std::uint32_t asked = 64;

bool is_kind(std::uint32_t mode) {
    for (const std::uint32_t kind : {1, 2, 4, 6, 8, 10, 12})
        if (mode >> 12 == kind) return true;
    return false;
}
void check_attributes(const Attributes& a) {
    FUZZ_CHECK(is_kind(a.mode & 0xffff) && a.size <= INT64_MAX);
    FUZZ_CHECK(a.mtime_ns < 1'000'000'000 && a.atime_ns < 1'000'000'000);
}

void check_names(const Bytes& reply) {
    Reader reader(reply.all());
    Name entry;
    for (std::size_t n = 0;; n++) {
        const auto more = read_name(reader, entry);
        if (!more.ok() || !more.value()) return;
        FUZZ_CHECK(n <= reply.count && reply.holds(entry.name));
        FUZZ_CHECK(!entry.name.empty() && entry.name.size() <= 255);
        FUZZ_CHECK(entry.name.find('/') == entry.name.npos);
        FUZZ_CHECK(entry.name.find('\0') == entry.name.npos);
        FUZZ_CHECK(entry.next <= INT64_MAX && entry.type < 16);
    }
}

void check_data(const Bytes& reply) {
    // The head comes apart from the data, of which more may have come than was asked for.
    const std::size_t head = reply.count < sizeof(ReplyHeader) ? reply.count : sizeof(ReplyHeader);
    const auto count = open_data_reply(reply.all().first(head), reply.count, unique, asked);
    if (count.ok())
        FUZZ_CHECK(count.value() <= asked && sizeof(ReplyHeader) + count.value() <= reply.count);
}

template <class Read>
void check_reply(const Bytes& reply, Read read) {
    const auto reader = open_reply(reply.all(), unique);
    if (!reader.ok()) return;
    std::uint32_t size;
    std::memcpy(&size, reply.data, 4);
    FUZZ_CHECK(size >= sizeof(ReplyHeader) && size <= reply.count);
    FUZZ_CHECK(reader.value().left() == size - sizeof(ReplyHeader));
    read(reader.value());
}

void check_entry(Reader reader) {
    const auto found = read_entry(reader);
    if (!found.ok()) return;
    FUZZ_CHECK(found.value().node > root_node);
    check_attributes(found.value().attributes);
    static_cast<void>(read_open(reader)); // as behind a new file's entry
}

void check_target(const Bytes& reply, Reader reader) {
    const auto target = read_target(reader);
    if (!target.ok()) return;
    FUZZ_CHECK(reply.holds(target.value()) && !target.value().empty());
    FUZZ_CHECK(target.value().size() < 4096 && target.value().find('\0') == target.value().npos);
}

void check_init(Reader reader) {
    const auto init = read_init(reader);
    if (init.ok())
        FUZZ_CHECK(init.value().major == 7 && init.value().minor >= 31 &&
                   init.value().max_write >= 4096);
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    if (bytes == 0) return 0;
    // A copy of its own: the sanitizer sees what lies behind it.
    const std::vector<std::uint8_t> copy(data + 1, data + bytes);
    const Bytes reply{copy.data(), copy.size()};
    switch (data[0] % 9) {
    case 0: check_names(reply); break;
    case 1: check_data(reply); break;
    case 2: check_reply(reply, check_init); break;
    case 3: check_reply(reply, check_entry); break;
    case 4:
        check_reply(reply, [](Reader reader) {
            const auto found = read_attributes(reader);
            if (found.ok()) check_attributes(found.value());
        });
        break;
    case 5: check_reply(reply, [&](Reader reader) { check_target(reply, reader); }); break;
    case 6:
        check_reply(reply, [](Reader reader) {
            const auto count = read_count(reader, asked);
            FUZZ_CHECK(!count.ok() || count.value() <= asked);
        });
        break;
    case 7: check_reply(reply, [](Reader r) { static_cast<void>(read_statfs(r)); }); break;
    case 8:
        check_reply(reply, [](Reader reader) {
            const auto offset = read_offset(reader);
            FUZZ_CHECK(!offset.ok() || offset.value() <= INT64_MAX);
        });
        break;
    }
    return 0;
}

namespace {

/// The byte in front says to what it is the reply.
template <class... T>
std::vector<std::uint8_t> body(std::uint8_t which, const T&... parts) {
    std::vector<std::uint8_t> bytes{which};
    const auto add = [&](const auto& part) {
        const auto* first = reinterpret_cast<const std::uint8_t*>(&part);
        bytes.insert(bytes.end(), first, first + sizeof part);
    };
    (add(parts), ...);
    return bytes;
}
template <class... T>
std::vector<std::uint8_t> reply(std::uint8_t which, const T&... parts) {
    const auto bytes = static_cast<std::uint32_t>(sizeof(ReplyHeader) + (0 + ... + sizeof(parts)));
    return body(which, ReplyHeader{bytes, 0, unique}, parts...);
}
struct Text {
    char text[16];
};

} // namespace

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    Attributes attributes{};
    attributes.mode = 0100644;
    attributes.size = 4096;
    EntryReply entry{};
    entry.node = 3;
    entry.attributes = attributes;
    AttributesReply told{};
    told.attributes = attributes;
    InitReply init{};
    init.major = 7;
    init.minor = 31;
    init.max_write = 1 << 20;
    EntryReply low = entry;
    low.node = 2;
    return {body(0, DirectoryEntry{5, 1, 9, 8}, Text{"some name"}, DirectoryEntry{6, 2, 15, 4},
                 Text{"and-another-one"}),
            reply(1, std::uint64_t{0x6f6c6c6568}),
            reply(2, init),
            reply(3, entry, OpenReply{}),
            reply(3, low),
            reply(4, told),
            reply(5, Text{"../../target/ab"}),
            reply(6, CountReply{64, 0}),
            body(6, ReplyHeader{16, -2, unique}),
            reply(7, StatfsReply{}),
            reply(8, LseekReply{5})};
}

// SPDX-License-Identifier: BSD-2-Clause
// A server's reply is the input: a byte that says which request it answers, and the reply. What the
// readers hand out lies inside it, and no name, count or number is one that the protocol forbids.
#include "../target.h"

#include "../bytes.h"

#include <drupe/p9/message.h>

#include <cstring>
#include <string>

using namespace drupe;
using fuzz::Bytes;
using namespace drupe::p9;

namespace {

constexpr std::uint16_t tag = 3;
constexpr std::uint32_t asked = 64;

void check_size(const Bytes& reply) {
    std::uint32_t size;
    std::memcpy(&size, reply.data, 4);
    FUZZ_CHECK(reply.count >= 7 && size >= 7 && size <= reply.count);
}

void check_entries(const Bytes& reply) {
    Reader reader(reply.all());
    Entry entry;
    for (std::size_t n = 0;; n++) {
        const auto more = read_entry(reader, entry);
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
    const std::size_t head = reply.count < read_header_bytes ? reply.count : read_header_bytes;
    const auto count =
        open_data_reply(reply.all().first(head), reply.count, Type::read, tag, asked);
    if (count.ok())
        FUZZ_CHECK(count.value() <= asked && read_header_bytes + count.value() <= reply.count);
}

template <class Read>
void check_reply(const Bytes& reply, Type type, Read read) {
    const auto reader = open_reply(reply.all(), type, tag);
    if (!reader.ok()) return;
    check_size(reply);
    FUZZ_CHECK(reader.value().left() <= reply.count - 7);
    read(reader.value());
}

void check_attributes(Reader reader) {
    const auto found = read_attributes(reader);
    if (!found.ok()) return;
    const AttributesReply& a = found.value();
    const std::uint32_t kind = a.mode >> 12 & 15;
    FUZZ_CHECK(kind == 1 || kind == 2 || kind == 4 || kind == 6 || kind == 8 || kind == 10 ||
               kind == 12);
    FUZZ_CHECK(a.size <= INT64_MAX && a.mtime.nanoseconds < 1'000'000'000);
    FUZZ_CHECK(((a.qid.type & qid_directory) != 0) == (kind == 4));
}

void check_target(const Bytes& reply, Reader reader) {
    const auto target = read_target(reader);
    if (!target.ok()) return;
    FUZZ_CHECK(reply.holds(target.value()) && !target.value().empty());
    FUZZ_CHECK(target.value().size() < 4096 && target.value().find('\0') == target.value().npos);
}

void check_version(Reader reader) {
    const auto version = read_version(reader, 8192);
    if (version.ok())
        FUZZ_CHECK(version.value().message_bytes >= 4096 && version.value().message_bytes <= 8192);
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    if (bytes == 0) return 0;
    // A copy of its own: the sanitizer sees what lies behind it.
    const std::vector<std::uint8_t> copy(data + 1, data + bytes);
    const Bytes reply{copy.data(), copy.size()};
    switch (data[0] % 9) {
    case 0: check_entries(reply); break;
    case 1: check_data(reply); break;
    case 2: check_reply(reply, Type::version, check_version); break;
    case 3: check_reply(reply, Type::get_attributes, check_attributes); break;
    case 4:
        check_reply(reply, Type::readlink, [&](Reader reader) { check_target(reply, reader); });
        break;
    case 5:
        check_reply(reply, Type::walk, [](Reader reader) {
            static_cast<void>(read_walk(reader, 1));
            static_cast<void>(read_walk(reader, 0));
        });
        break;
    case 6:
        check_reply(reply, Type::write, [](Reader reader) {
            const auto count = read_count(reader, asked);
            FUZZ_CHECK(!count.ok() || count.value() <= asked);
        });
        break;
    case 7:
        check_reply(reply, Type::statfs, [](Reader r) { static_cast<void>(read_statfs(r)); });
        break;
    case 8:
        check_reply(reply, Type::attach, [](Reader r) { static_cast<void>(read_qid(r)); });
        break;
    }
    return 0;
}

namespace {

/// A sound reply, with the byte in front that says to what.
class Reply {
public:
    Reply(std::uint8_t which, std::uint8_t type) { bytes_ = {which, 0, 0, 0, 0, type, tag, 0}; }
    Reply& number(std::uint64_t value, unsigned width) {
        for (unsigned i = 0; i < width; i++, value >>= 8)
            bytes_.push_back(static_cast<std::uint8_t>(value));
        return *this;
    }
    Reply& text(const std::string& text) {
        number(text.size(), 2);
        bytes_.insert(bytes_.end(), text.begin(), text.end());
        return *this;
    }
    Reply& qid(std::uint8_t type) { return number(type, 1).number(7, 4).number(99, 8); }
    std::vector<std::uint8_t> take() {
        bytes_[1] = static_cast<std::uint8_t>(bytes_.size() - 1);
        return bytes_;
    }
    /// Without the head.
    std::vector<std::uint8_t> take_body() {
        std::vector<std::uint8_t> body{bytes_[0]};
        body.insert(body.end(), bytes_.begin() + 8, bytes_.end());
        return body;
    }

private:
    std::vector<std::uint8_t> bytes_;
};

} // namespace

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    Reply entries(0, 0), attributes(3, 25), statfs(7, 9);
    for (const char* name : {".", "..", "file", "a longer name"})
        entries.qid(0).number(5, 8).number(8, 1).text(name);
    attributes.number(0x7ff, 8).qid(0x80).number(040755, 4).number(1, 4).number(1, 4).number(2, 8);
    attributes.number(0, 8).number(4096, 8).number(4096, 8).number(8, 8);
    for (int i = 0; i < 6; i++) attributes.number(1000, 8);
    statfs.number(1, 4).number(4096, 4);
    for (int i = 0; i < 6; i++) statfs.number(10, 8);
    return {entries.take_body(),
            Reply(1, 117).number(5, 4).number(0x6f6c6c6568, 5).take(),
            Reply(2, 101).number(8192, 4).text("9P2000.L").take(),
            attributes.take(),
            Reply(4, 23).text("../target").take(),
            Reply(5, 111).number(1, 2).qid(0).take(),
            Reply(6, 119).number(64, 4).take(),
            Reply(6, 7).number(2, 4).take(),
            statfs.take(),
            Reply(8, 105).qid(0x80).take()};
}

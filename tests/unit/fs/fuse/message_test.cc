// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/fuse/message.h>

#include <catch2/catch.hpp>

#include <string>

using namespace drupe;
using namespace drupe::fuse;

namespace {

template <class... T>
std::string raw(const T&... parts) {
    std::string bytes;
    (bytes.append(reinterpret_cast<const char*>(&parts), sizeof parts), ...);
    return bytes;
}
std::string reply(std::uint64_t unique, const std::string& body, std::int32_t error = 0) {
    const ReplyHeader head{static_cast<std::uint32_t>(sizeof head + body.size()), error, unique};
    return raw(head) + body;
}
std::span<const std::byte> bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
Reader reader_of(const std::string& text) { return Reader(bytes_of(text)); }

EntryReply sound_entry() {
    EntryReply e{};
    e.node = 7;
    e.attributes.mode = 0100644;
    e.attributes.size = 10;
    return e;
}
Result<Entry> entry_of(const EntryReply& e) {
    const std::string bytes = raw(e);
    Reader reader = reader_of(bytes);
    return read_entry(reader);
}
std::string name_of(const std::string& name, std::uint64_t next = 1, std::uint32_t type = 8) {
    const DirectoryEntry e{5, next, static_cast<std::uint32_t>(name.size()), type};
    std::string bytes = raw(e) + name;
    bytes.append((8 - bytes.size() % 8) % 8, '\0');
    return bytes;
}
Errc name_error(const std::string& bytes) {
    Reader reader = reader_of(bytes);
    Name name;
    return read_name(reader, name).error();
}

} // namespace

TEST_CASE("fuse: a request is its head, structures and texts one behind the other") {
    std::byte memory[100];
    Writer writer(memory, {0, Opcode::rename, 6, 1, 1000, 100, 0, 0});
    writer.put(RenameRequest{9}).text("old").text("new");
    const std::size_t bytes = writer.finish();
    const std::string due =
        std::string("\x38\0\0\0\x0c\0\0\0\x06\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0", 24) +
        std::string("\xe8\x03\0\0\x64\0\0\0\0\0\0\0\0\0\0\0", 16) +
        std::string("\x09\0\0\0\0\0\0\0old\0new\0", 16);
    CHECK(std::string(reinterpret_cast<const char*>(memory), bytes) == due);
    Writer data(memory, {0, Opcode::write, 8, 1, 0, 0, 0, 0});
    CHECK(data.finish(1000) == 40);
    CHECK(static_cast<unsigned>(memory[0]) + 256 * static_cast<unsigned>(memory[1]) == 1040);
}

TEST_CASE("fuse: a request that does not fit is none") {
    std::byte memory[64];
    CHECK(Writer(memory, {}).text("a name too long for what is left").finish() == 0);
    CHECK(Writer(std::span(memory).first(39), {}).finish() == 0);
    CHECK(Writer({}, {}).finish() == 0);
}

TEST_CASE("fuse: a reply is taken only for the request it answers") {
    const std::string count = reply(8, raw(CountReply{3, 0}));
    auto reader = open_reply(bytes_of(count), 8);
    REQUIRE(reader.ok());
    CHECK(read_count(reader.value(), 3).value() == 3);
    CHECK(read_count(reader.value(), 2).error() == Errc::io); // more than was sent
    CHECK(open_reply(bytes_of(count), 6).error() == Errc::io);
    CHECK(open_reply(bytes_of(count).first(20), 8).error() == Errc::io); // it says 24
    CHECK(open_reply(bytes_of(count).first(15), 8).error() == Errc::io);
    CHECK(open_reply({}, 8).error() == Errc::io);
    const std::string longer = count + "more came than it says";
    CHECK(open_reply(bytes_of(longer), 8).value().left() == 8);
    std::string tiny = count;
    tiny[0] = 15;
    CHECK(open_reply(bytes_of(tiny), 8).error() == Errc::io);
}

TEST_CASE("fuse: a server's error is passed on, when it is one") {
    CHECK(open_reply(bytes_of(reply(8, "", -2)), 8).error() == Errc::not_found);
    CHECK(open_reply(bytes_of(reply(8, "", -38)), 8).error() == Errc::not_implemented);
    CHECK(open_reply(bytes_of(reply(8, "", -4095)), 8).error() == Errc::io);
    for (const std::int32_t odd : {2, 1 << 30, -4096, INT32_MIN})
        CHECK(open_reply(bytes_of(reply(8, "", odd)), 8).error() == Errc::io);
}

TEST_CASE("fuse: data that went elsewhere is no more than was asked for") {
    const std::string head = reply(8, "").substr(0, 16);
    const auto data = [&](std::uint32_t says, std::size_t written, std::uint32_t asked) {
        std::string bytes = head;
        std::memcpy(bytes.data(), &says, 4);
        return open_data_reply(bytes_of(bytes), written, 8, asked);
    };
    CHECK(data(16 + 64, 16 + 64, 64).value() == 64);
    CHECK(data(16, 16, 64).value() == 0);
    CHECK(data(16 + 65, 16 + 65, 64).error() == Errc::io);
    CHECK(data(16 + 64, 16 + 63, 64).error() == Errc::io);
    CHECK(data(16, 10, 64).error() == Errc::io);
}

TEST_CASE("fuse: an entry leads to an object that can be") {
    const auto entry = entry_of(sound_entry());
    REQUIRE(entry.ok());
    CHECK((entry.value().node == 7 && entry.value().attributes.size == 10));
    EntryReply e = sound_entry();
    e.node = 0;
    CHECK(entry_of(e).error() == Errc::not_found);
    e.node = root_node;
    CHECK(entry_of(e).error() == Errc::io);
    e = sound_entry();
    e.attributes.mode = 0644;
    CHECK(entry_of(e).error() == Errc::io);
    e = sound_entry();
    e.attributes.size = UINT64_MAX;
    CHECK(entry_of(e).error() == Errc::io);
    e = sound_entry();
    e.attributes.mtime_ns = UINT32_MAX;
    CHECK(entry_of(e).value().attributes.mtime_ns == 999'999'999);
    const std::string bytes = raw(sound_entry());
    Reader cut(bytes_of(bytes).first(127));
    CHECK(read_entry(cut).error() == Errc::io);
}

TEST_CASE("fuse: a session needs the version that virtio-fs began with") {
    InitReply init{};
    init.major = 7;
    init.minor = 31;
    init.max_write = 4096;
    const auto read = [&] { return read_init(reader_of(raw(init))).error(); };
    CHECK(read() == Errc::ok);
    init.minor = 30;
    CHECK(read() == Errc::not_supported);
    init.major = 8;
    init.minor = 40;
    CHECK(read() == Errc::not_supported);
    init.major = 7;
    CHECK(read() == Errc::ok);
    init.max_write = 4095;
    CHECK(read() == Errc::io);
    CHECK(read_init(reader_of(raw(init).substr(0, 24))).error() == Errc::io);
}

TEST_CASE("fuse: a directory's data holds names, whole ones") {
    const std::string data = name_of(".") + name_of("a longer name", 99, 4) + name_of("12345678");
    Reader reader = reader_of(data);
    Name name;
    REQUIRE(read_name(reader, name).value());
    CHECK(name.name == ".");
    REQUIRE(read_name(reader, name).value());
    CHECK((name.name == "a longer name" && name.next == 99 && name.type == 4 && name.ino == 5));
    REQUIRE(read_name(reader, name).value());
    CHECK_FALSE(read_name(reader, name).value());
    for (const std::string& bad :
         {std::string(), std::string("a/b"), std::string("a\0b", 3), std::string(256, 'n')})
        CHECK(name_error(name_of(bad)) == Errc::io);
    CHECK(name_error(name_of("x", UINT64_MAX)) == Errc::io);
    CHECK(name_error(name_of("x", 1, 16)) == Errc::io);
    for (std::size_t n = 1; n < 32; n++)
        CHECK(name_error(name_of("name").substr(0, n)) == Errc::io);
    std::string overrun = name_of("name");
    overrun[16] = 100;
    CHECK(name_error(overrun) == Errc::io);
    std::memset(overrun.data() + 16, 0xff, 4);
    CHECK(name_error(overrun) == Errc::io);
}

TEST_CASE("fuse: a link's target is a path") {
    CHECK(read_target(reader_of("../a/b")).value() == "../a/b");
    CHECK(read_target(reader_of("")).error() == Errc::io);
    CHECK(read_target(reader_of(std::string("a\0b", 3))).error() == Errc::io);
    CHECK(read_target(reader_of(std::string(4096, 'x'))).error() == Errc::io);
}

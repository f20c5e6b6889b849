// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/p9/message.h>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace drupe;
using namespace drupe::p9;

namespace {

std::string written(Writer& writer, std::span<const std::byte> memory, std::size_t more = 0) {
    const std::size_t bytes = writer.finish(more);
    return {reinterpret_cast<const char*>(memory.data()), bytes};
}
std::span<const std::byte> bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
template <std::size_t n>
std::string raw_text(const char (&text)[n]) {
    return {text, n - 1};
}

} // namespace

TEST_CASE("a request is laid out as the protocol has it") {
    std::byte memory[64];
    Writer walk(memory, Type::walk, 0x0102);
    walk.u32(5).u32(6).u16(1).text("name");
    CHECK(written(walk, memory) ==
          raw_text("\x17\0\0\0\x6e\x02\x01\x05\0\0\0\x06\0\0\0\x01\0\x04\0name"));
    Writer write(memory, Type::write, 1);
    write.u32(5).u64(0x1122334455667788).u32(3);
    CHECK(written(write, memory, 3) ==
          raw_text("\x1a\0\0\0\x76\x01\0\x05\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11\x03\0\0\0"));
}

TEST_CASE("a request that does not fit is none") {
    std::byte memory[20];
    Writer writer(memory, Type::mkdir, 1);
    writer.u32(1).text("a name too long for it").u32(0).u32(0);
    CHECK(writer.finish() == 0);
    Writer none({}, Type::clunk, 1);
    CHECK(none.finish() == 0);
}

TEST_CASE("a reply is taken only for the request it answers") {
    const std::string reply = raw_text("\x0b\0\0\0\x77\x09\0\x03\0\0\0");
    auto reader = open_reply(bytes_of(reply), Type::write, 9);
    REQUIRE(reader.ok());
    CHECK(read_count(reader.value(), 3).value() == 3);
    CHECK(read_count(reader.value(), 2).error() == Errc::io); // more than was sent
    CHECK(open_reply(bytes_of(reply), Type::write, 8).error() == Errc::io);
    CHECK(open_reply(bytes_of(reply), Type::read, 9).error() == Errc::io);
    CHECK(open_reply(bytes_of(reply).first(10), Type::write, 9).error() == Errc::io);
    CHECK(open_reply({}, Type::write, 9).error() == Errc::io);
}

TEST_CASE("an error reply carries the server's reason") {
    const auto why = [](char number) {
        std::string reply = raw_text("\x0b\0\0\0\x07\x09\0\x00\0\0\0");
        reply[7] = number;
        return open_reply(bytes_of(reply), Type::mkdir, 9).error();
    };
    CHECK(why(2) == Errc::not_found);
    CHECK(why(17) == Errc::exists);
    CHECK(why(39) == Errc::not_empty);
    CHECK(why(40) == Errc::symlink_loop);
    CHECK(why(61) == Errc::no_data);
    CHECK(why(95) == Errc::not_supported);
    CHECK(why(0) == Errc::io); // no error is no answer
    CHECK(why(58) == Errc::io);
}

TEST_CASE("the count of data is what came, at most what was asked for") {
    const std::string head = raw_text("\x0f\0\0\0\x75\x01\0\x04\0\0\0");
    CHECK(open_data_reply(bytes_of(head), 15, Type::read, 1, 4).value() == 4);
    CHECK(open_data_reply(bytes_of(head), 15, Type::read, 1, 3).error() == Errc::io);
    CHECK(open_data_reply(bytes_of(head), 14, Type::read, 1, 4).error() == Errc::io);
    CHECK(open_data_reply(bytes_of(head).first(3), 3, Type::read, 1, 4).error() == Errc::io);
}

TEST_CASE("a server that speaks another version is refused") {
    const auto ask = [](const std::string& body) {
        return read_version(Reader(bytes_of(body)), 8192);
    };
    CHECK(ask(raw_text("\0\x20\0\0\x08\0") + "9P2000.L").value().message_bytes == 8192);
    CHECK(ask(raw_text("\0\x20\0\0\x06\0") + "9P2000").error() == Errc::not_supported);
    CHECK(ask(raw_text("\0\x30\0\0\x08\0") + "9P2000.L").error() == Errc::io);
    CHECK(ask(raw_text("\0\x01\0\0\x08\0") + "9P2000.L").error() == Errc::io);
}

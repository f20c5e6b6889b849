// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/tty/framed_keys.h>
#include <sim/machine.h>

#include <string>

using namespace drupe;
using namespace std::string_literals;
using tty::FramedKeys;
using tty::Tty;

namespace {

void discard(std::string_view) {}

std::string read_line(Tty& tty) {
    std::string bytes(4096, '\0');
    auto buffer = vfs::IoBuffer::kernel(bytes.data(), bytes.size());
    const auto count = tty.read(buffer, true);
    bytes.resize(count.ok() ? count.value() : 0);
    return bytes;
}

tty::WindowSize window(Tty& tty) {
    tty::WindowSize size;
    (void)tty.ioctl(0x5413, reinterpret_cast<std::uintptr_t>(&size)); // TIOCGWINSZ
    return size;
}

} // namespace

TEST_CASE("framed keys and windows reach the terminal, cut anywhere") {
    sim::Machine machine;
    machine.spawn("keys", [&] {
        const std::string bytes = "lost\x10"
                                  "Bab\x10W33;101;\x7f"
                                  "c\x10\x10"
                                  "d\n"s;
        for (std::size_t piece = 1; piece <= bytes.size(); piece++) {
            Tty tty(discard);
            FramedKeys keys(tty);
            for (std::size_t at = 0; at < bytes.size(); at += piece) {
                const std::string part = bytes.substr(at, piece);
                REQUIRE(keys.receive(part) == part.size());
            }
            CHECK(read_line(tty) == "ac\x10"
                                    "d\n");
            CHECK(window(tty) == tty::WindowSize{33, 101});
        }
    });
    CHECK(machine.run());
}

TEST_CASE("keys that the terminal has no room for stay with the sender, framed as they are") {
    sim::Machine machine;
    machine.spawn("keys", [&] {
        Tty tty(discard);
        FramedKeys keys(tty);
        std::string sent = "\x10"
                           "B"s,
                    typed;
        for (int line = 0; line < 900; line++) {
            typed += "\x11\x10key\n";
            sent += "\x16\x11\x16\x10\x10key\n"; // each quoted for the line discipline
        }
        std::string got;
        std::size_t refusals = 0;
        for (std::string_view rest = sent; !rest.empty();) {
            const std::size_t taken = keys.receive(rest);
            rest.remove_prefix(taken);
            if (!rest.empty()) refusals++;
            std::string line = read_line(tty);
            REQUIRE(!line.empty());
            do got += line;
            while (!(line = read_line(tty)).empty());
        }
        CHECK(got == typed);
        CHECK(refusals > 0);
    });
    CHECK(machine.run());
}

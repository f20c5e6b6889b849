// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/tty/framing.h>

#include <string>

using namespace drupe::tty;
using namespace std::string_literals;

namespace {

// Decodes through an output of `room` bytes at a time.
std::string decode(FrameDecoder& decoder, std::string_view input, std::size_t room = 64) {
    std::string all, piece(room, '\0');
    while (!input.empty()) {
        const auto step = decoder.decode(input, piece);
        all.append(piece, 0, step.given);
        input.remove_prefix(step.taken);
        REQUIRE((step.taken != 0 || step.given != 0));
    }
    return all;
}

} // namespace

TEST_CASE("nothing before the beginning counts, whether its DLE arrived or not") {
    FrameDecoder whole, cut;
    CHECK(decode(whole, "\x10"
                        "Bab") == "ab");
    CHECK(decode(cut, "x\nBab") == "ab");
}

TEST_CASE("every byte value passes, and the end is an end") {
    std::string all, framed = "\x10"
                              "B";
    for (int c = 0; c < 256; c++) {
        all += static_cast<char>(c);
        framed += c == 0x10 ? "\x10\x10"s : std::string(1, static_cast<char>(c));
    }
    for (std::size_t room : {1u, 7u, 512u}) {
        FrameDecoder decoder;
        CHECK(decode(decoder, framed, room) == all);
        CHECK_FALSE(decoder.is_at_end());
        CHECK(decode(decoder, "x\x10"
                              "Eafter\x10"
                              "Bmore") == "x");
        CHECK(decoder.is_at_end());
    }
}

TEST_CASE("commands may be cut anywhere, and unknown ones give nothing") {
    FrameDecoder decoder;
    std::string all;
    for (char c : "\x10"
                  "Ba\x10\x10"
                  "b\x10?c\x10"
                  "E"s)
        all += decode(decoder, {&c, 1});
    CHECK(all == "a\x10"
                 "bc");
    CHECK(decoder.is_at_end());
}

TEST_CASE("without room nothing is taken that would give a byte") {
    FrameDecoder decoder;
    decode(decoder, "B");
    const auto step = decoder.decode("xy", {});
    CHECK(step.taken == 0);
    CHECK(step.given == 0);
}

TEST_CASE("a window is told once, the newest, wherever the command is cut") {
    FrameDecoder decoder;
    CHECK(decode(decoder, "\x10"
                          "Ba\x10W24;80;b\x10W50;132;c") == "abc");
    CHECK(decoder.take_window() == WindowSize{50, 132});
    CHECK_FALSE(decoder.take_window());
    for (char c : "\x10W7;65535;"s) {
        CHECK_FALSE(decoder.take_window());
        CHECK(decode(decoder, {&c, 1}).empty());
    }
    CHECK(decoder.take_window() == WindowSize{7, 65535});
}

TEST_CASE("a window that is none is forgotten, and what follows is data") {
    FrameDecoder decoder;
    CHECK(decode(decoder, "\x10"
                          "B\x10W24x1\x10W1;2 3;") == "1"
                                                      "3;");
    CHECK_FALSE(decoder.take_window());
}

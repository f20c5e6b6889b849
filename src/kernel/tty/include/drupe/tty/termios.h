// SPDX-License-Identifier: BSD-2-Clause
// Terminal settings as Linux's programs on arm64 lay them out ([linux] asm-generic/termbits.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace drupe::tty {

/// Indices into Termios::cc.
enum ControlChar : std::uint8_t {
    vintr = 0,
    vquit,
    verase,
    vkill,
    veof,
    vtime,
    vmin,
    vswtc,
    vstart,
    vstop,
    vsusp,
    veol,
    vreprint,
    vdiscard,
    vwerase,
    vlnext,
    veol2,
    control_char_count = 19
};

enum InputFlag : std::uint32_t {
    istrip = 040,
    inlcr = 0100,
    igncr = 0200,
    icrnl = 0400,
    iuclc = 01000,
    ixon = 02000,
    ixany = 04000,
    imaxbel = 020000,
    iutf8 = 040000,
    parmrk = 010,
};
enum OutputFlag : std::uint32_t {
    opost = 01,
    olcuc = 02,
    onlcr = 04,
    ocrnl = 010,
    onocr = 020,
    onlret = 040,
    xtabs = 014000,
};
enum LocalFlag : std::uint32_t {
    isig = 01,
    icanon = 02,
    echo = 010,
    echoe = 020,
    echok = 040,
    echonl = 0100,
    noflsh = 0200,
    tostop = 0400,
    echoctl = 01000,
    echoprt = 02000,
    echoke = 04000,
    iexten = 0100000,
};

/// struct termios2; its first 36 bytes are struct termios.
struct Termios {
    std::uint32_t iflag = icrnl | ixon;
    std::uint32_t oflag = opost | onlcr;
    std::uint32_t cflag = 0xf | 0x30 | 0x80 | 0x400; // B38400 CS8 CREAD HUPCL
    std::uint32_t lflag = isig | icanon | echo | echoe | echok | echoctl | echoke | iexten;
    std::uint8_t line = 0;
    std::uint8_t cc[control_char_count] = {3,    0x1c, 0x7f, 0x15, 4,    0,    1,    0, 0x11,
                                           0x13, 0x1a, 0,    0x12, 0x0f, 0x17, 0x16, 0};
    std::uint32_t ispeed = 38400;
    std::uint32_t ospeed = 38400;
};
static_assert(sizeof(Termios) == 44 && offsetof(Termios, ispeed) == 36);
inline constexpr std::size_t termios1_bytes = 36;

struct WindowSize {
    std::uint16_t rows = 0, columns = 0, x_pixels = 0, y_pixels = 0;
    bool operator==(const WindowSize&) const = default;
};
static_assert(sizeof(WindowSize) == 8);

} // namespace drupe::tty

// SPDX-License-Identifier: BSD-2-Clause
// Filters of AF_UNIX sockets, beside the build machine's own.
#include "unix_side.h"

#include <linux/filter.h>

#include <random>

using namespace drupe;
using namespace unix_calls;
using sim::check_both;
using sim::Side;

namespace {

std::int64_t attach(Side& s, int fd, const std::vector<sock_filter>& code) {
    sock_fprog program{static_cast<unsigned short>(code.size()),
                       const_cast<sock_filter*>(code.data())};
    return DRUPE_CALL(s, setsockopt, fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

void got(Side& s, int fd) {
    char bytes[100];
    s.note("received", DRUPE_CALL(s, recvfrom, fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_TRUNC,
                                  nullptr, nullptr));
}

/// A program that is mostly sound, over few numbers, so that its branches matter.
std::vector<sock_filter> any_program(std::mt19937& random) {
    constexpr std::uint16_t codes[] = {0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x80, 0x00, 0x60, 0xb1,
                                       0x81, 0x01, 0x61, 0x02, 0x03, 0x04, 0x0c, 0x14, 0x1c, 0x24,
                                       0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74,
                                       0x7c, 0x84, 0x94, 0x9c, 0xa4, 0xac, 0x05, 0x15, 0x1d, 0x25,
                                       0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x06, 0x16, 0x07, 0x87};
    // Facts but for the CPU, which differs; beyond all of them; the message from its header on.
    constexpr std::uint32_t numbers[] = {
        0xfffff000, 0xfffff004, 0xfffff008, 0xfffff014, 0xfffff018, 0xfffff01c, 0xfffff020,
        0xfffff028, 0xfffff02c, 0xfffff030, 0xfffff034, 0xfffff03c, 0xfffff03d, 0xffffffff,
        0xfff00000, 0xfff00003, 0xffe00000, 0x7fffffff, 0x80000000, 0x61626364};
    const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    std::vector<sock_filter> program;
    const unsigned size = 1 + below(12);
    for (unsigned i = 0; i < size; i++) {
        sock_filter one{};
        one.code =
            below(60) == 0 ? static_cast<std::uint16_t>(random()) : codes[below(std::size(codes))];
        const unsigned after = size - i;
        one.jt = static_cast<std::uint8_t>(below(after + (below(20) == 0)));
        one.jf = static_cast<std::uint8_t>(below(after));
        one.k = below(5) == 0 ? numbers[below(std::size(numbers))] : below(18);
        if (one.code == 0x05) one.k = below(after);
        program.push_back(one);
    }
    if (below(10) != 0) program.push_back(sock_filter{0x16, 0, 0, 0});
    return program;
}

} // namespace

TEST_CASE("filters are attached, told and detached as on Linux") {
    check_both([](Side& s) {
        for (int type : types) {
            int fd[2];
            pair(s, type, fd);
            const std::vector<sock_filter> four{{0x06, 0, 0, 4}}, none{{0x06, 0, 0, 0}};
            const std::vector<sock_filter> first{
                {0x30, 0, 0, 0}, {0x15, 0, 1, 'y'}, {0x06, 0, 0, 100}, {0x06, 0, 0, 0}};
            for (const auto& each : {four, none, first}) {
                s.note("attach", attach(s, fd[1], each));
                for (int room : {0, 1, 3, 4, 100}) {
                    sock_filter told[100] = {};
                    int length = room;
                    s.note("get", DRUPE_CALL(s, getsockopt, fd[1], SOL_SOCKET, SO_GET_FILTER, told,
                                             &length));
                    s.note("length", length);
                    for (int i = 0; i < 4; i++) s.note("code", told[i].code);
                }
                for (const char* text : {"yes, all of it", "no", "y"}) send(s, fd[0], text);
                send_fds(s, fd[0], {fd[0]}, "yes, with a file");
                for (int i = 0; i < 5; i++) got(s, fd[1]);
            }
            sock_fprog wrong{1, nullptr};
            for (unsigned short size : {0, 1, 4097}) {
                wrong.len = size;
                s.note("wrong", DRUPE_CALL(s, setsockopt, fd[1], SOL_SOCKET, SO_ATTACH_FILTER,
                                           &wrong, sizeof wrong));
            }
            wrong = {1, reinterpret_cast<sock_filter*>(1)};
            s.note("fault", DRUPE_CALL(s, setsockopt, fd[1], SOL_SOCKET, SO_ATTACH_FILTER, &wrong,
                                       sizeof wrong));
            s.note("short", DRUPE_CALL(s, setsockopt, fd[1], SOL_SOCKET, SO_ATTACH_FILTER, &wrong,
                                       sizeof wrong - 1));
            for (int i = 0; i < 2; i++) set(s, fd[1], SO_DETACH_FILTER, 0);
            send(s, fd[0], "no filter");
            got(s, fd[1]);
            s.note("attach", attach(s, fd[1], four));
            set(s, fd[1], SO_LOCK_FILTER, 1);
            set(s, fd[1], SO_DETACH_FILTER, 0);
            s.note("attach", attach(s, fd[1], first));
            send(s, fd[0], "locked");
            got(s, fd[1]);
        }
    });
}

TEST_CASE("any filter chooses as on Linux") {
    const unsigned seed = GENERATE(range(0u, 8u));
    check_both([&](Side& s) {
        std::mt19937 random(seed);
        int fd[2];
        pair(s, SOCK_DGRAM, fd);
        for (int round = 0; round < 1500; round++) {
            const std::vector<sock_filter> program = any_program(random);
            std::string text;
            for (const sock_filter& each : program)
                text += std::to_string(each.code) + "/" + std::to_string(each.jt) + "/" +
                        std::to_string(each.jf) + "/" + std::to_string(each.k) + " ";
            s.note("attach " + text, attach(s, fd[1], program));
            send(s, fd[0], "abcdefghijkl");
            got(s, fd[1]);
        }
    });
}

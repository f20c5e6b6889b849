// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/base/format.h>

#include <climits>
#include <string>

using namespace drupe;

template <class... Args>
static std::string f(std::string_view format, const Args&... args) {
    char buffer[128];
    return std::string(format_into(buffer, format, args...));
}

TEST_CASE("numbers, text and addresses are written as asked") {
    CHECK(f("{} {} {}", -5, 7u, "x") == "-5 7 x");
    CHECK(f("{:x} {:#x} {:04x}", 255, 255u, 10) == "ff 0xff 000a");
    CHECK(f("{:5}|{:3}|", 42, "a") == "   42|a  |");
    CHECK(f("{}", VirtAddr{0x1000}) == "0x1000");
    CHECK(f("{}", LLONG_MIN) == "-9223372036854775808");
    CHECK(f("{} {}", true, 'c') == "true c");
    CHECK(f("{{}}") == "{}}");
}
TEST_CASE("a wrong format prints a mark instead of failing") {
    CHECK(f("{} {}", 1) == "1 {?}");
    CHECK(f("{", 1) == "{?}");
}
TEST_CASE("a full buffer truncates") {
    char small[4];
    BufferSink sink(small);
    format_to(sink, "{}", 123456);
    CHECK(sink.text() == "1234");
    CHECK(sink.truncated());
}

// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/init/command_line.h>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace drupe;
using namespace drupe::init;

namespace {

using List = std::vector<std::string>;

List list(const Words& words) {
    List out;
    words.for_each([&](std::string_view word) { out.emplace_back(word); });
    return out;
}

struct Split {
    explicit Split(std::string_view text) : storage(text.size() + 1, 'x') {
        auto line = split_command_line(text, storage);
        REQUIRE(line.ok());
        options = list(line.value().options);
        arguments = list(line.value().arguments);
        read = read_options(line.value().options);
    }
    std::vector<char> storage;
    List options, arguments;
    Options read;
};

} // namespace

TEST_CASE("blanks separate words, and words behind -- are the program's") {
    Split s("  console=ttyAMA0\tquiet -- /bin/sh  -c ");
    CHECK(s.options == List{"console=ttyAMA0", "quiet"});
    CHECK(s.arguments == List{"/bin/sh", "-c"});
    CHECK(s.read.console == "ttyAMA0");
    CHECK(s.read.quiet);
    CHECK(Split("-- a -- b").arguments == List{"a", "--", "b"});
    CHECK(Split("").options.empty());
    CHECK(Split(" \n").options.empty());
}

TEST_CASE("quotes protect blanks and go where they open a word or a value") {
    // Each expectation is what Linux's next_arg() makes of it.
    CHECK(Split(R"(a="b c" d)").options == List{"a=b c", "d"});
    CHECK(Split(R"("a b=c d" e)").options == List{"a b=c d", "e"});
    CHECK(Split(R"(a"b c"d)").options == List{R"(a"b c"d)"});
    CHECK(Split(R"(x="")").options == List{"x="});
    CHECK(Split(R"(x="open to the end)").options == List{"x=open to the end"});
    CHECK(Split(R"(-- sh -c "echo  hi")").arguments == List{"sh", "-c", "echo  hi"});
}

TEST_CASE("storage too small for the text is an error, not a cut") {
    char storage[4];
    CHECK(split_command_line("quie", storage).error() == Errc::too_big);
    CHECK(split_command_line("qui", storage).ok());
}

TEST_CASE("the kernel's own words are read, a wrong one is kept for a message") {
    Split s("drupe.isolation=el0 drupe.strace drupe.devices drupe.status=console init=/bin/x "
            "norandmaps");
    CHECK(s.read.isolation == Isolation::el0);
    CHECK(s.read.devices);
    CHECK(s.read.strace);
    CHECK(s.read.status_on_console);
    CHECK_FALSE(s.read.randomize);
    CHECK(s.read.program == "/bin/x");
    CHECK(s.read.unknown.empty());
    CHECK_FALSE(Split("drupe.strace=0").read.strace);
    CHECK_FALSE(Split("drupe.strace").read.devices);
    CHECK(Split("drupe.isolation=el1t").read.isolation == Isolation::el1t);
    CHECK(Split("drupe.isolation=el3 x").read.unknown == "drupe.isolation=el3");
    CHECK(Split("drupe.strac drupe.q").read.unknown == "drupe.strac");
    CHECK(Split("debug earlycon=pl011,0x9000000").read.unknown.empty());
    CHECK(Split("root=zfs:pool rootfstype=zfs").read.root == "zfs:pool");
    CHECK(Split("root=zfs:pool rootfstype=zfs").read.root_type == "zfs");
}

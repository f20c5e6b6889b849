// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/exec/script.h>

#include <catch2/catch.hpp>

#include <string>

using namespace drupe;

namespace {

struct Parsed {
    std::string interpreter, option;
    bool operator==(const Parsed&) const = default;
};
Parsed parse(std::string_view text) {
    auto line = exec::parse_script(text);
    if (!line.ok()) return {"?", ""};
    return {std::string(line.value().interpreter), std::string(line.value().option)};
}

} // namespace

TEST_CASE("a script's first line names an interpreter and at most one argument") {
    CHECK(parse("#!/bin/sh\necho") == Parsed{"/bin/sh", ""});
    CHECK(parse("#! /bin/sh \t\n") == Parsed{"/bin/sh", ""});
    CHECK(parse("#!/usr/bin/env -S a  b \n") == Parsed{"/usr/bin/env", "-S a  b"});
    CHECK(parse("#!/bin/sh\t-e") == Parsed{"/bin/sh", "-e"});
    CHECK(parse("#!/bin/sh") == Parsed{"/bin/sh", ""});
    CHECK(parse({"#!/bin/sh\0-e\n", 13}) == Parsed{"/bin/sh", ""});
    CHECK(parse("#!sh\r\n") == Parsed{"sh\r", ""}); // as on Linux: not found later, by that name
}

TEST_CASE("a line without an interpreter is not executable") {
    CHECK(parse("#!\n/bin/sh") == Parsed{"?", ""});
    CHECK(parse("#!  ") == Parsed{"?", ""});
    CHECK(parse("#!") == Parsed{"?", ""});
    CHECK(parse({"#!\0/bin/sh", 10}) == Parsed{"?", ""});
    CHECK(parse("/bin/sh") == Parsed{"?", ""});
}

TEST_CASE("a long line may lose the end of its argument, never of the interpreter") {
    std::string name = "#!/" + std::string(300, 'x');
    CHECK(parse(std::string_view(name).substr(0, 256)) == Parsed{"?", ""});
    std::string option = "#!/x " + std::string(300, 'y');
    CHECK(parse(std::string_view(option).substr(0, 256)) == Parsed{"/x", std::string(251, 'y')});
}

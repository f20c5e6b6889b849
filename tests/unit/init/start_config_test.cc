// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/init/start_config.h>

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
std::string join(const List& records) {
    std::string bytes;
    for (auto& r : records) bytes += r + '\0';
    return bytes;
}
std::string flaw(const List& records) {
    return std::string(parse_start_record(join(records)).flaw);
}

} // namespace

TEST_CASE("a share has a tag, a way and a path") {
    const auto parse = [](std::string_view text) { return SharePlace::parse(text); };
    CHECK(parse("home:rw:/a/b:c").tag == "home");
    CHECK(parse("home:rw:/a/b:c").path == "/a/b:c");
    CHECK_FALSE(parse("home:rw:/a").is_read_only);
    CHECK(parse("home:ro:/a").is_read_only);
    for (const char* bad : {"", "home", "home:", "home:rw", "home:rw:", "home:rw:a", "home:rx:/a"})
        CHECK(parse(bad).tag.empty());
    CHECK(parse(":rw:/a").tag.empty());
    CHECK(flaw({"arg=p", "share=home:/a"}) == "a share is TAG:ro:/path or TAG:rw:/path");
    const std::string bytes = join({"share=a:ro:/x", "arg=p", "share=b:rw:/y"});
    CHECK(list(parse_start_record(bytes).config.shares) ==
          std::vector<std::string>{"a:ro:/x", "b:rw:/y"});
}

TEST_CASE("a start record says everything about the start") {
    const std::string bytes =
        join({"arg=prog", "env=A=b=c", "arg=", "arg=a\nb \"\xff", "env=X=", "cwd=/srv", "uid=1000",
              "gid=4294967294", "stdin=framed", "stdout=raw", "rows=50", "cols=65535"});
    auto outcome = parse_start_record(bytes);
    REQUIRE(outcome.ok());
    const StartConfig& c = outcome.config;
    CHECK(list(c.arguments) == List{"prog", "", "a\nb \"\xff"});
    CHECK(list(c.environment) == List{"A=b=c", "X="});
    CHECK(c.cwd == "/srv");
    CHECK(c.uid == 1000);
    CHECK(c.gid == 4294967294);
    CHECK(c.stdin_mode == StdinMode::framed);
    CHECK(c.stdout_mode == StdoutMode::raw);
    CHECK(c.rows == 50);
    CHECK(c.columns == 65535);
    CHECK(c.program.empty());
}

TEST_CASE("what is absent has its default") {
    const std::string bytes = join({"arg=p"});
    auto c = parse_start_record(bytes).config;
    CHECK(c.cwd == "/");
    CHECK((c.uid == 0 && c.gid == 0 && c.rows == 0));
    CHECK(c.stdin_mode == StdinMode::tty);
    CHECK(parse_start_record(join({"arg=p", "stdin=keys"})).config.stdin_mode == StdinMode::keys);
    CHECK(list(c.environment).empty());
}

TEST_CASE("a record that is wrong is refused with a sentence") {
    CHECK(flaw({}) == "the start record is cut off");
    CHECK(parse_start_record("arg=p").flaw == "the start record is cut off");
    CHECK(flaw({"cwd=/"}) == "the start record names no program");
    CHECK(flaw({"arg=p", "argh=q"}) == "no such tag is known");
    CHECK(flaw({"arg=p", ""}) == "a record is TAG=value");
    CHECK(flaw({"arg=p", "env=A"}) == "a variable is NAME=value");
    CHECK(flaw({"arg=p", "env==A"}) == "a variable is NAME=value");
    CHECK(flaw({"arg=p", "cwd=srv"}) == "the working directory is an absolute path");
    CHECK(flaw({"arg=p", "uid=-1"}) == "uid is a number");
    CHECK(flaw({"arg=p", "uid=4294967295"}) == "uid is a number");
    CHECK(flaw({"arg=p", "gid="}) == "gid is a number");
    CHECK(flaw({"arg=p", "rows=65536"}) == "rows is a number up to 65535");
    CHECK(flaw({"arg=p", "cols=99999999999999999999999"}) == "cols is a number up to 65535");
    CHECK(flaw({"arg=p", "stdin=file"}) == "stdin is tty, keys, framed or null");
    CHECK(flaw({"arg=p", "stdout="}) == "stdout is tty or raw");
    const std::string bytes = join({"arg=p", "what=1", "cwd=x"});
    CHECK(parse_start_record(bytes).record == "what=1");
}

TEST_CASE("without a record the command line names the program") {
    auto start = [](std::string_view text) {
        static char storage[256];
        auto line = split_command_line(text, storage);
        REQUIRE(line.ok());
        return start_from_command_line(line.value(), read_options(line.value().options));
    };
    auto argv = [&](std::string_view text) {
        List out;
        start(text).config.for_each_argument([&](std::string_view a) { out.emplace_back(a); });
        return out;
    };
    CHECK(argv("init=/bin/sh -- -c true") == List{"/bin/sh", "-c", "true"});
    CHECK(argv("quiet -- prog a") == List{"prog", "a"});
    CHECK(argv("init=/bin/sh") == List{"/bin/sh"});
    CHECK_FALSE(start("quiet").ok());
    CHECK(list(start("-- p").config.environment).size() == 3);
}

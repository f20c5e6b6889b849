// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/trace/log.h>

#include <string>

using namespace drupe;

// The log is one object for the whole kernel: each test looks only at what it adds.
static std::string shown;
static void show(std::string_view bytes) { shown += bytes; }

static std::string read_from(std::uint64_t cursor, std::size_t piece = 4096) {
    std::string all;
    std::string buffer(piece, '\0');
    while (const std::size_t n = trace::read_log(cursor, buffer)) all.append(buffer, 0, n);
    return all;
}

TEST_CASE("lines logged before the first console appear when it comes, then as they are logged") {
    log(LogLevel::warning, "memory at {}", PhysAddr{0x40000000});
    log(LogLevel::debug, "not for the console");
    CHECK(shown.empty());
    trace::install_console(show);
    CHECK(shown == "drupe: memory at 0x40000000\r\n");
    shown.clear();
    log(LogLevel::error, "{} of {}", 1, 2);
    log(LogLevel::info, "quiet");
    CHECK(shown == "drupe: 1 of 2\r\n");
}

TEST_CASE("a kernel line begins on a line of its own") {
    trace::install_console(show);
    trace::write_console("a program's half line");
    shown.clear();
    log(LogLevel::warning, "x");
    CHECK(shown == "\r\ndrupe: x\r\n");
}

TEST_CASE("in a stream of bytes a kernel line is a frame, wherever it falls") {
    trace::install_console(show);
    trace::set_console_line_form(trace::LineForm::framed);
    trace::write_console("half");
    shown.clear();
    log(LogLevel::warning, "y");
    CHECK(shown == "\x1b]drupe;log;y\x1b\\");
    trace::set_console_line_form(trace::LineForm::plain);
    trace::write_console("\n");
}

TEST_CASE("the console shows only what is as important as asked for") {
    trace::install_console(show);
    trace::set_console_level(LogLevel::error);
    shown.clear();
    log(LogLevel::warning, "no");
    log(LogLevel::fatal, "yes");
    CHECK(shown == "drupe: yes\r\n");
    trace::set_console_level(LogLevel::notice);
}

TEST_CASE("the log reads like kmsg, in pieces of any size that holds a line") {
    const std::uint64_t start = trace::log_end();
    log(LogLevel::info, "first");
    log(LogLevel::warning, "second");
    const std::string all = read_from(start);
    CHECK(all == "<6>[    0.000000] first\n<4>[    0.000000] second\n");
    CHECK(read_from(start, trace::longest_line) == all);
    char tiny[4];
    std::uint64_t cursor = start;
    CHECK(trace::read_log(cursor, tiny) == 0);
    CHECK(cursor == start);
}

TEST_CASE("a full log forgets its oldest lines whole, and an old cursor moves to the oldest left") {
    const std::uint64_t start = trace::log_end();
    for (int i = 0; i < 5000; i++) log(LogLevel::info, "line {}", i);
    CHECK(trace::log_begin() > start);
    const std::string all = read_from(start);
    CHECK(all.substr(0, 3) == "<6>");
    CHECK(all.size() > 8000);
    CHECK(all.ends_with("] line 4999\n"));
    const auto first = std::stoi(all.substr(all.find("line ") + 5));
    int lines = 0;
    for (char c : all) lines += c == '\n';
    CHECK(first + lines == 5000);
}

TEST_CASE("a line longer than the log takes is cut") {
    const std::uint64_t start = trace::log_end();
    trace::add_line(LogLevel::info, std::string(1000, 'x'));
    const std::string all = read_from(start);
    CHECK(all.size() == std::string("<6>[    0.000000] \n").size() + 256);
}

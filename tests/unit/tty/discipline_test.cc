// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/tty/discipline.h>

#include <string>
#include <vector>

using namespace drupe::tty;
using namespace std::string_literals;

namespace {

struct Terminal final : DisciplineSink {
    Discipline tty;
    std::string shown;
    std::vector<TtySignal> signals;

    void output(std::string_view bytes) override { shown += bytes; }
    void signal(TtySignal s) override { signals.push_back(s); }

    std::size_t type(std::string_view keys) { return tty.receive(keys, *this); }
    void print(std::string_view text) { tty.write(text, *this); }
    std::string read(std::size_t most = 4096) {
        std::string buffer(most, '\0');
        buffer.resize(tty.read(buffer));
        return buffer;
    }
    std::string take_shown() { return std::exchange(shown, {}); }
    template <class Change>
    void change(Change change) {
        Termios t = tty.settings();
        change(t);
        tty.set_settings(t);
    }
    void make_raw() {
        change([](Termios& t) {
            t.iflag &= ~std::uint32_t{icrnl | ixon};
            t.oflag &= ~std::uint32_t{opost};
            t.lflag &= ~std::uint32_t{icanon | echo | isig | iexten};
        });
    }
};

} // namespace

TEST_CASE("a line is readable when it is complete, echoed as it is typed") {
    Terminal t;
    t.type("hel");
    CHECK_FALSE(t.tty.is_readable());
    CHECK(t.tty.readable_bytes() == 0);
    t.type("lo\r");
    CHECK(t.tty.is_readable());
    CHECK(t.tty.readable_bytes() == 6);
    CHECK(t.shown == "hello\r\n");
    CHECK(t.read() == "hello\n");
    CHECK(t.tty.ended_line());
    CHECK_FALSE(t.tty.is_readable());
}

TEST_CASE("a read takes one line at most, and a line may take several reads") {
    Terminal t;
    t.type("one\ntwo\n");
    CHECK(t.read(2) == "on");
    CHECK_FALSE(t.tty.ended_line());
    CHECK(t.read() == "e\n");
    CHECK(t.read() == "two\n");
}

TEST_CASE("an end of file ends a read, is no byte, and behind a full buffer is not left over") {
    Terminal t;
    t.type("\x04");
    CHECK(t.tty.is_readable());
    CHECK(t.tty.readable_bytes() == 0);
    CHECK(t.read().empty());
    CHECK_FALSE(t.tty.is_readable());
    t.type("abc\x04");
    CHECK(t.shown == "abc");
    CHECK(t.tty.readable_bytes() == 3);
    CHECK(t.read(3) == "abc");
    CHECK_FALSE(t.tty.is_readable());
    t.type("abc\x04x\n");
    CHECK(t.read() == "abc");
    CHECK(t.read() == "x\n");
}

TEST_CASE("a NUL byte in a line is data") {
    Terminal t;
    t.type("a\0b\n"s);
    CHECK(t.read() == "a\0b\n"s);
    CHECK(t.shown == "a^@b\r\n");
}

TEST_CASE("erase, word erase and kill take back what was typed, on the screen too") {
    Terminal t;
    t.type("ab\x7f");
    CHECK(t.take_shown() == "ab\b \b");
    t.type("\x7f\x7f\x7f"); // more than there is
    CHECK(t.take_shown() == "\b \b");
    t.type("one two, \x17");
    CHECK(t.take_shown() == "one two, \b \b\b \b\b \b\b \b\b \b");
    t.type("x\n");
    CHECK(t.read() == "one x\n");
    t.take_shown();
    t.type("abc\x15z\n");
    CHECK(t.take_shown() == "abc\b \b\b \b\b \bz\r\n");
    CHECK(t.read() == "z\n");
}

TEST_CASE("editing does not reach back into a complete line") {
    Terminal t;
    t.type("done\nx\x15\x7f\x17\n");
    CHECK(t.read() == "done\n");
    CHECK(t.read() == "\n");
}

TEST_CASE("a control character shows as two columns and is erased as two") {
    Terminal t;
    t.type("\x01\x7f");
    CHECK(t.shown == "^A\b \b\b \b");
}

TEST_CASE("a tab is erased back to the column it began at") {
    Terminal t;
    t.print("$ ");
    t.type("ab\t");
    t.take_shown();
    t.type("\x7f");
    CHECK(t.take_shown() == "\b\b\b\b"); // from column 8 to 4
    t.type("\t\t\x7f");
    CHECK(t.take_shown() == "\t\t\b\b\b\b\b\b\b\b");
}

TEST_CASE("with IUTF8 erase takes a whole character, and never part of one") {
    Terminal t;
    t.change([](Termios& s) { s.iflag |= iutf8; });
    t.type("a\xc3\xa4\x7f");
    CHECK(t.take_shown() == "a\xc3\xa4\b \b");
    t.type("\n");
    CHECK(t.read() == "a\n");
    t.type("\xa4\x7f\n"); // a continuation byte with nothing before it stays
    CHECK(t.read() == "\xa4\n");
}

TEST_CASE("without ECHOE erase shows the erase character, without ECHOKE kill shows its own") {
    Terminal t;
    t.change([](Termios& s) { s.lflag &= ~std::uint32_t{echoe | echoke}; });
    t.type("ab\x7f");
    CHECK(t.take_shown() == "ab^?");
    t.type("\x15");
    CHECK(t.take_shown() == "^U\r\n");
    t.type("c\n");
    CHECK(t.read() == "c\n");
}

TEST_CASE("with ECHOPRT erased characters are shown between a backslash and a slash") {
    Terminal t;
    t.change([](Termios& s) { s.lflag |= echoprt; });
    t.type("abc\x7f\x7fx\n");
    CHECK(t.shown == "abc\\cb/x\r\n");
    CHECK(t.read() == "ax\n");
}

TEST_CASE("signal characters signal, drop what was typed and are echoed") {
    Terminal t;
    t.type("abc\x03");
    CHECK(t.signals == std::vector{TtySignal::interrupt});
    CHECK(t.take_shown() == "abc^C");
    t.type("\x1c\x1a");
    CHECK(t.signals == std::vector{TtySignal::interrupt, TtySignal::quit, TtySignal::suspend});
    t.type("x\n");
    CHECK(t.read() == "x\n");
    t.change([](Termios& s) { s.lflag |= noflsh; });
    t.type("ke\x03pt\n");
    CHECK(t.read() == "kept\n");
    t.change([](Termios& s) { s.lflag &= ~std::uint32_t{isig}; });
    t.type("\x03\n");
    CHECK(t.read() == "\x03\n");
    CHECK(t.signals.size() == 4);
}

TEST_CASE("a disabled character is an ordinary one") {
    Terminal t;
    t.change([](Termios& s) { s.cc[vintr] = 0; });
    t.type("\x03\0\n"s);
    CHECK(t.signals.empty());
    CHECK(t.read() == "\x03\0\n"s);
}

TEST_CASE("the next character can be quoted") {
    Terminal t;
    t.type("\x16\x03\x16\x7f\x16\n\n");
    CHECK(t.signals.empty());
    CHECK(t.read() == "\x03\x7f\n\n");
    CHECK(t.shown == "^\b^C^\b^?^\b^J\r\n");
}

TEST_CASE("reprint shows the line so far again") {
    Terminal t;
    t.type("ab\x12");
    CHECK(t.shown == "ab^R\r\nab");
    t.type("c\n");
    CHECK(t.read() == "abc\n");
}

TEST_CASE("extra end-of-line characters end a line and stay in it") {
    Terminal t;
    t.change([](Termios& s) { s.cc[veol] = ';', s.cc[veol2] = '!'; });
    t.type("a;b!");
    CHECK(t.read() == "a;");
    CHECK(t.read() == "b!");
}

TEST_CASE("carriage return and newline are translated as asked") {
    Terminal t;
    t.change([](Termios& s) { s.iflag = igncr; });
    t.type("a\rb\n");
    CHECK(t.read() == "ab\n");
    t.change([](Termios& s) { s.iflag = inlcr | icrnl; });
    t.type("a\nb\r");
    CHECK(t.read() == "a\rb\n");
    t.change([](Termios& s) { s.iflag = istrip | iuclc | icrnl; });
    t.type("\xc1z\r");
    CHECK(t.read() == "az\n");
}

TEST_CASE("stop and start characters hold output and are not input") {
    Terminal t;
    t.type("a\x13");
    CHECK(t.tty.is_stopped());
    t.type("\x11");
    CHECK_FALSE(t.tty.is_stopped());
    t.type("\x13");
    t.type("b");
    CHECK(t.tty.is_stopped());
    t.change([](Termios& s) { s.iflag |= ixany; });
    t.type("\n");
    CHECK_FALSE(t.tty.is_stopped());
    CHECK(t.read() == "ab\n");
    t.type("\x13\x03"); // an interrupt lets the program speak again
    CHECK_FALSE(t.tty.is_stopped());
    t.type("\x13");
    t.make_raw();
    CHECK_FALSE(t.tty.is_stopped());
}

TEST_CASE("in raw mode every byte is input at once and nothing is shown") {
    Terminal t;
    t.make_raw();
    const std::string all = "\x03\x04\x7f\r\n\x13\xff\0x"s;
    t.type(all);
    CHECK(t.tty.readable_bytes() == all.size());
    CHECK(t.tty.is_readable(all.size()));
    CHECK_FALSE(t.tty.is_readable(all.size() + 1));
    CHECK(t.read(2) == all.substr(0, 2));
    CHECK(t.read() == all.substr(2));
    CHECK(t.shown.empty());
    CHECK(t.signals.empty());
}

TEST_CASE("PARMRK doubles a real 0xff") {
    Terminal t;
    t.make_raw();
    t.change([](Termios& s) { s.iflag |= parmrk; });
    t.type("a\xff");
    CHECK(t.read() == "a\xff\xff");
}

TEST_CASE("ECHONL shows the newline alone") {
    Terminal t;
    t.change([](Termios& s) { s.lflag = (s.lflag & ~std::uint32_t{echo}) | echonl; });
    t.type("secret\x7f\x15gone\n");
    CHECK(t.shown == "\r\n");
    CHECK(t.read() == "gone\n");
}

TEST_CASE("leaving canonical mode makes a partial line readable, and entering it makes one") {
    Terminal t;
    t.type("part");
    t.change([](Termios& s) { s.lflag &= ~std::uint32_t{icanon}; });
    CHECK(t.read(2) == "pa");
    t.change([](Termios& s) { s.lflag |= icanon; });
    CHECK(t.tty.is_readable());
    CHECK(t.read() == "rt");
    CHECK_FALSE(t.tty.is_readable());
    t.type("\x7fx\n");
    CHECK(t.read() == "x\n");
}

TEST_CASE("a line longer than the buffer loses its end but can be completed") {
    Terminal t;
    t.change([](Termios& s) { s.lflag &= ~std::uint32_t{echo}, s.iflag |= imaxbel; });
    CHECK(t.type(std::string(5000, 'x')) == 5000);
    CHECK(t.shown.size() == 5000 - 4095);
    CHECK(t.shown[0] == '\a');
    t.type("\n");
    CHECK(t.read(8192) == std::string(4095, 'x') + "\n");
    CHECK(t.type("more\n") == 5);
    CHECK(t.read() == "more\n");
}

TEST_CASE("unread input stays with the sender when the buffer is full") {
    Terminal t;
    t.make_raw();
    CHECK(t.type(std::string(5000, 'x')) == 4095);
    CHECK(t.read(100).size() == 100);
    CHECK(t.type(std::string(5000, 'y')) == 100);
    CHECK(t.read(8192) == std::string(3995, 'x') + std::string(100, 'y'));
    t.change([](Termios& s) { s.lflag |= icanon; });
    std::string lines;
    for (int i = 0; i < 1000; i++) lines += "line\n";
    const std::size_t taken = t.type(lines);
    CHECK(taken < lines.size());
    std::string all;
    while (t.tty.is_readable()) all += t.read();
    CHECK(all + "" == lines.substr(0, taken - taken % 5));
}

TEST_CASE("the buffer works across its seam") {
    Terminal t;
    t.change([](Termios& s) { s.lflag &= ~std::uint32_t{echo}; });
    for (int i = 0; i < 3000; i++) {
        const std::string line = std::to_string(i) + "\n";
        t.type("junk\x15" + line);
        REQUIRE(t.read() == line);
    }
}

TEST_CASE("flushing forgets complete and partial lines") {
    Terminal t;
    t.type("a\nb");
    t.tty.flush_input();
    CHECK_FALSE(t.tty.is_readable());
    t.type("c\n");
    CHECK(t.read() == "c\n");
}

TEST_CASE("output gets carriage returns, and plain runs leave in one piece") {
    Terminal t;
    t.print("a\nb\r\n\x1b[1m");
    CHECK(t.shown == "a\r\nb\r\r\n\x1b[1m");
    t.take_shown();
    t.change([](Termios& s) { s.oflag = opost | ocrnl; });
    t.print("a\rb\n");
    CHECK(t.take_shown() == "a\nb\n");
    t.change([](Termios& s) { s.oflag = opost | onocr | onlcr; });
    t.print("\n\rx\r\ry");
    CHECK(t.take_shown() == "\r\nx\ry");
    t.change([](Termios& s) { s.oflag = opost | olcuc | onlcr; });
    t.print("\nab\t1");
    CHECK(t.take_shown() == "\r\nAB\t1");
    t.change([](Termios& s) { s.oflag = opost | xtabs | onlcr; });
    t.print("\nab\tc\b\t.");
    CHECK(t.take_shown() == "\r\nab      c\b        .");
    t.change([](Termios& s) { s.oflag = onlcr; });
    t.print("a\n");
    CHECK(t.take_shown() == "a\n");
}

TEST_CASE("output that a program holds goes on by nothing but letting go") {
    Terminal t;
    t.change([](Termios& s) { s.iflag |= ixon | ixany; });
    t.tty.hold();
    t.type("a\x11\x03");
    CHECK(t.tty.is_stopped());
    t.change([](Termios& s) { s.iflag &= ~std::uint32_t{ixon}; });
    CHECK(t.tty.is_stopped());
    t.tty.let_go();
    CHECK_FALSE(t.tty.is_stopped());
    t.change([](Termios& s) { s.iflag = ixon; });
    t.type("\x13");
    t.tty.let_go(); // of what was not held
    CHECK(t.tty.is_stopped());
    t.type("\x11");
    CHECK_FALSE(t.tty.is_stopped());
}

// SPDX-License-Identifier: BSD-2-Clause
// What the line discipline echoes, beside the build machine's own pseudo terminals.
#include <drupe/tty/discipline.h>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <termios.h>
#include <unistd.h>
#include <vector>

using namespace drupe;

namespace {

/// Flags of input and local modes, in which the two sides agree; without signals.
struct Modes {
    std::uint32_t input, local;
};

struct Shown final : tty::DisciplineSink {
    std::string text;
    void output(std::string_view bytes) override { text += bytes; }
    void signal(tty::TtySignal) override {}
};

std::string echoed_here(const Modes& modes, std::string_view typed) {
    Shown shown;
    tty::Discipline discipline;
    tty::Termios settings = discipline.settings();
    settings.iflag = modes.input;
    settings.lflag = modes.local;
    discipline.set_settings(settings);
    CHECK(discipline.receive(typed, shown) == typed.size());
    return shown.text;
}

class PseudoTerminal {
public:
    explicit PseudoTerminal(const Modes& modes) : master_(::posix_openpt(O_RDWR | O_NOCTTY)) {
        if (master_ < 0) return;
        REQUIRE(::grantpt(master_) == 0);
        REQUIRE(::unlockpt(master_) == 0);
        slave_ = ::open(::ptsname(master_), O_RDWR | O_NOCTTY);
        struct termios settings {};
        REQUIRE(::tcgetattr(slave_, &settings) == 0);
        settings.c_iflag = modes.input;
        settings.c_lflag = modes.local;
        REQUIRE(::tcsetattr(slave_, TCSANOW, &settings) == 0);
    }
    ~PseudoTerminal() {
        ::close(slave_);
        ::close(master_);
    }
    PseudoTerminal(const PseudoTerminal&) = delete;
    PseudoTerminal& operator=(const PseudoTerminal&) = delete;
    bool is_there() const { return master_ >= 0; }

    /// Waits long for as much as is expected, and shortly for more.
    std::string echo(std::string_view typed, std::size_t expected) {
        REQUIRE(::write(master_, typed.data(), typed.size()) == static_cast<ssize_t>(typed.size()));
        std::string text;
        char bytes[256];
        pollfd ready{master_, POLLIN, 0};
        while (::poll(&ready, 1, text.size() < expected ? 2000 : 3) > 0) {
            const ssize_t n = ::read(master_, bytes, sizeof bytes);
            if (n <= 0) break;
            text.append(bytes, static_cast<std::size_t>(n));
        }
        return text;
    }

private:
    int master_;
    int slave_ = -1;
};

} // namespace

TEST_CASE("what is typed is echoed as Linux's terminals echo it") {
    const std::uint32_t plain = ECHO | ECHOE | ECHOK | ECHOKE | IEXTEN;
    std::vector<std::string> typed = {"a\nb",
                                      "a\rb",
                                      "\n",
                                      "a\tb\x01",
                                      "ab\x7f",
                                      "a\x16\nb",
                                      "a\x8a"
                                      "b",
                                      "one two\x17!",
                                      "ab\x15",
                                      "a\x04"
                                      "b",
                                      "a\x16\rb\n",
                                      "a\t\x7f"
                                      "b\x12"};
    const std::uint32_t inputs[] = {0,           ICRNL, INLCR, IGNCR, INLCR | ICRNL, ISTRIP | ICRNL,
                                    IUTF8 | IXON};
    const std::uint32_t locals[] = {plain,
                                    plain | ECHOCTL,
                                    plain | ICANON,
                                    plain | ECHOCTL | ICANON,
                                    ICANON | ECHONL,
                                    ECHONL,
                                    ECHO | ECHOCTL | ICANON,
                                    plain | ECHOPRT | ICANON | ECHOCTL};
    for (const std::uint32_t input : inputs)
        for (const std::uint32_t local : locals)
            for (const std::string& text : typed) {
                const Modes modes{input, local};
                PseudoTerminal there(modes);
                if (!there.is_there()) {
                    WARN("skipped: the build machine has no pseudo terminals");
                    return;
                }
                INFO(std::hex << "modes " << input << " " << local);
                CAPTURE(text);
                const std::string here = echoed_here(modes, text);
                CHECK(here == there.echo(text, here.size()));
            }
}

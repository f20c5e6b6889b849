// SPDX-License-Identifier: BSD-2-Clause
// The line discipline: keys in, lines or bytes out; echo, editing and signal characters in between,
// as Linux's N_TTY does it. Pure: it owns bytes and settings, knows no device, thread or process,
// and does not lock.
#pragma once

#include <drupe/tty/termios.h>

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::tty {

enum class TtySignal : std::uint8_t { interrupt, quit, suspend };

/// What receiving and writing cause.
class DisciplineSink {
public:
    /// Bytes for the device, after output processing.
    virtual void output(std::string_view bytes) = 0;
    /// To the foreground process group.
    virtual void signal(TtySignal signal) = 0;

protected:
    ~DisciplineSink() = default;
};

class Discipline {
public:
    static constexpr std::size_t capacity = 4096;

    const Termios& settings() const { return settings_; }
    /// New settings from here on. Switching canonical mode makes what was typed before readable.
    void set_settings(const Termios& settings);

    /// Takes typed bytes; how many. Fewer than given only when the buffer is full of unread input:
    /// the rest has to be offered again.
    std::size_t receive(std::string_view bytes, DisciplineSink& sink);

    /// Whether a read gives something now: a line or an end of file in canonical mode, else `least`
    /// bytes.
    bool is_readable(std::size_t least = 1) const;
    /// Bytes that FIONREAD reports.
    std::size_t readable_bytes() const;
    /// Moves input to `to`: at most one line in canonical mode, without the end-of-file mark that
    /// ended it. 0 with is_readable() before: end of file.
    std::size_t read(std::span<char> to);
    /// Forgets everything typed and not read.
    void flush_input();
    /// True when the last thing a canonical read took ended a line (a partial line continues).
    bool ended_line() const { return ended_line_; }

    /// A program's output: processes as OPOST says and hands it to the sink. All of it.
    void write(std::string_view bytes, DisciplineSink& sink);
    /// Stopped by VSTOP, until VSTART, or held: writers wait.
    bool is_stopped() const { return stopped_; }
    /// tcflow's TCOOFF: no key lets output go on; let_go() does, and only after hold().
    void hold() { is_held_ = stopped_ = true; }
    void let_go() {
        if (is_held_) is_held_ = stopped_ = false;
    }

private:
    bool has_input(InputFlag f) const { return (settings_.iflag & f) != 0; }
    bool has_output(OutputFlag f) const { return (settings_.oflag & f) != 0; }
    bool has_local(LocalFlag f) const { return (settings_.lflag & f) != 0; }
    bool is_char(ControlChar which, char c) const;
    char at(std::uint32_t position) const { return buffer_[position % capacity]; }
    std::uint32_t used() const { return head_ - tail_; }
    bool is_full() const { return used() >= capacity - 1; }

    void resume() {
        if (!is_held_) stopped_ = false;
    }
    void receive_one(char c, DisciplineSink& sink);
    bool receive_flow(char c);
    bool receive_signal(char c, DisciplineSink& sink);
    bool receive_canonical(char c, DisciplineSink& sink);
    enum class EchoedAs : std::uint8_t { is, shown }; // shown: as ECHOCTL says
    void receive_plain(char c, EchoedAs how, DisciplineSink& sink);
    void queue(char c);
    void end_line(char c);
    void erase(ControlChar kind, DisciplineSink& sink);
    void erase_all_quietly(DisciplineSink& sink);
    void erase_echo(char erased, ControlChar kind, DisciplineSink& sink);
    void erase_tab(DisciplineSink& sink);
    void finish_erasing(DisciplineSink& sink);
    bool is_continuation(char c) const;
    void reprint(DisciplineSink& sink);
    void echo_char(char c, DisciplineSink& sink);
    void echo_raw(char c, DisciplineSink& sink) { write({&c, 1}, sink); }
    void write_special(char c, DisciplineSink& sink);

    Termios settings_;
    std::array<char, capacity> buffer_{};
    std::bitset<capacity> line_end_{}; // the byte at this position ends a line
    // Positions count up for ever. tail_ <= canon_head_ <= head_.
    std::uint32_t tail_ = 0;         // next to read
    std::uint32_t canon_head_ = 0;   // behind the last complete line; editing stops here
    std::uint32_t head_ = 0;         // next to write
    std::uint32_t column_ = 0;       // of the cursor, from output and echo
    std::uint32_t canon_column_ = 0; // where the line being typed begins
    bool literal_next_ = false;
    bool erasing_ = false; // inside a \…/ of ECHOPRT
    bool stopped_ = false;
    bool is_held_ = false; // stopped, too
    bool ended_line_ = false;
};

} // namespace drupe::tty

// SPDX-License-Identifier: BSD-2-Clause
// Input side of the line discipline. Where programs can tell the difference it does what Linux
// does, down to what an end-of-file mark in a full buffer means.
#include <drupe/tty/discipline.h>

#include <drupe/base/assert.h>

namespace drupe::tty {
namespace {

constexpr char disabled_char = '\0'; // _POSIX_VDISABLE; also what stands for an end of file

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

} // namespace

bool Discipline::is_char(ControlChar which, char c) const {
    const char wanted = static_cast<char>(settings_.cc[which]);
    return wanted != disabled_char && wanted == c;
}

void Discipline::set_settings(const Termios& settings) {
    const bool switched = ((settings_.lflag ^ settings.lflag) & icanon) != 0;
    settings_ = settings;
    if (!has_input(ixon)) resume();
    if (!switched) return;
    // What lies in the buffer becomes one line (as if the last byte had ended it), or, leaving
    // canonical mode, plain bytes.
    line_end_.reset();
    literal_next_ = erasing_ = false;
    if (has_local(icanon) && used() != 0) {
        line_end_.set((head_ - 1) % capacity);
        canon_head_ = head_;
    } else {
        canon_head_ = tail_;
    }
}

void Discipline::flush_input() {
    line_end_.reset();
    tail_ = canon_head_ = head_;
    literal_next_ = erasing_ = false;
}

std::size_t Discipline::receive(std::string_view bytes, DisciplineSink& sink) {
    for (std::size_t taken = 0; taken < bytes.size(); taken++) {
        // A line that is longer than the buffer keeps its end free for what completes it; complete
        // lines that nobody reads, and bytes in raw mode, are left with the sender.
        if (is_full() && (!has_local(icanon) || canon_head_ != tail_)) return taken;
        receive_one(bytes[taken], sink);
    }
    return bytes.size();
}

void Discipline::receive_one(char c, DisciplineSink& sink) {
    if (has_input(istrip)) c = static_cast<char>(c & 0x7f);
    if (has_input(iuclc) && has_local(iexten) && c >= 'A' && c <= 'Z')
        c = static_cast<char>(c + 32);
    if (literal_next_) {
        literal_next_ = false;
        return receive_plain(c, EchoedAs::shown, sink);
    }
    if (has_input(ixon) && receive_flow(c)) return;
    if (has_local(isig) && receive_signal(c, sink)) return;
    if (has_input(ixon) && has_input(ixany)) resume();
    bool is_return = false; // became a new line
    if (c == '\r') {
        if (has_input(igncr)) return;
        is_return = has_input(icrnl);
        if (is_return) c = '\n';
    } else if (c == '\n' && has_input(inlcr)) {
        c = '\r';
    }
    if (has_local(icanon) && receive_canonical(c, sink)) return;
    receive_plain(c, is_return ? EchoedAs::is : EchoedAs::shown, sink);
}

bool Discipline::receive_flow(char c) {
    if (is_char(vstart, c)) return resume(), true;
    if (is_char(vstop, c)) return stopped_ = true, true;
    return false;
}

bool Discipline::receive_signal(char c, DisciplineSink& sink) {
    TtySignal signal;
    if (is_char(vintr, c))
        signal = TtySignal::interrupt;
    else if (is_char(vquit, c))
        signal = TtySignal::quit;
    else if (is_char(vsusp, c))
        signal = TtySignal::suspend;
    else
        return false;
    if (!has_local(noflsh)) flush_input();
    if (has_input(ixon)) resume();
    if (has_local(echo)) echo_char(c, sink);
    sink.signal(signal);
    return true;
}

// True when the character was an editing command or ended the line.
bool Discipline::receive_canonical(char c, DisciplineSink& sink) {
    if (is_char(verase, c)) return erase(verase, sink), true;
    if (is_char(vkill, c)) return erase(vkill, sink), true;
    if (has_local(iexten)) {
        if (is_char(vwerase, c)) return erase(vwerase, sink), true;
        if (is_char(vlnext, c)) {
            literal_next_ = true;
            if (has_local(echo)) {
                finish_erasing(sink);
                if (has_local(echoctl)) write("^\b", sink);
            }
            return true;
        }
        if (is_char(vreprint, c) && has_local(echo)) return reprint(sink), true;
    }
    if (c == '\n') {
        if (has_local(echo)) finish_erasing(sink);
        if (has_local(echo) || has_local(echonl)) echo_raw('\n', sink);
        return end_line(c), true;
    }
    if (is_char(veof, c)) return end_line(disabled_char), true;
    if (is_char(veol, c) || (has_local(iexten) && is_char(veol2, c))) {
        if (has_local(echo)) {
            if (canon_head_ == head_) canon_column_ = column_;
            echo_char(c, sink);
        }
        return end_line(c), true;
    }
    return false;
}

void Discipline::receive_plain(char c, EchoedAs how, DisciplineSink& sink) {
    if (is_full()) { // a line without end; see receive()
        if (has_input(imaxbel)) sink.output("\a");
        return;
    }
    if (has_local(echo)) {
        finish_erasing(sink);
        if (how == EchoedAs::is) {
            echo_raw(c, sink);
        } else {
            if (canon_head_ == head_) canon_column_ = column_;
            echo_char(c, sink);
        }
    }
    // [posix] "Input Modes": with PARMRK a real 0xff is doubled.
    if (has_input(parmrk) && c == '\xff' && !has_input(istrip)) queue(c);
    queue(c);
}

void Discipline::queue(char c) {
    if (is_full()) return;
    buffer_[head_ % capacity] = c;
    line_end_.reset(head_ % capacity);
    head_++;
}

void Discipline::end_line(char c) {
    DRUPE_ASSERT(used() < capacity); // is_full() leaves one place
    buffer_[head_ % capacity] = c;
    line_end_.set(head_ % capacity);
    canon_head_ = ++head_;
}

bool Discipline::is_readable(std::size_t least) const {
    return has_local(icanon) ? canon_head_ != tail_ : used() >= least;
}

std::size_t Discipline::readable_bytes() const {
    if (!has_local(icanon)) return used();
    std::size_t bytes = 0;
    for (std::uint32_t p = tail_; p != canon_head_; p++)
        bytes += !(line_end_.test(p % capacity) && at(p) == disabled_char);
    return bytes;
}

std::size_t Discipline::read(std::span<char> to) {
    std::size_t count = 0;
    ended_line_ = false;
    if (!has_local(icanon)) {
        while (count < to.size() && tail_ != head_) to[count++] = at(tail_++);
        if (canon_head_ - tail_ > capacity) canon_head_ = tail_;
        return count;
    }
    while (tail_ != canon_head_) {
        const bool ends = line_end_.test(tail_ % capacity);
        const bool is_eof = ends && at(tail_) == disabled_char;
        // The mark of an end of file takes no room: it is taken even behind a full buffer, or the
        // next read would report an end that the program has seen the data of already.
        if (!is_eof) {
            if (count == to.size()) break;
            to[count++] = at(tail_);
        }
        line_end_.reset(tail_ % capacity);
        tail_++;
        if (ends) {
            ended_line_ = true;
            break;
        }
    }
    return count;
}

void Discipline::echo_char(char c, DisciplineSink& sink) {
    if (has_local(echoctl) && is_control(c) && c != '\t') {
        const char shown[2] = {'^', static_cast<char>(c ^ 0100)};
        write({shown, 2}, sink);
    } else {
        echo_raw(c, sink);
    }
}

bool Discipline::is_continuation(char c) const {
    return has_input(iutf8) && (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

void Discipline::finish_erasing(DisciplineSink& sink) {
    if (!erasing_) return;
    erasing_ = false;
    echo_raw('/', sink);
}

// Without the means to show it, killing a line prints the kill character and maybe a new line.
void Discipline::erase_all_quietly(DisciplineSink& sink) {
    head_ = canon_head_;
    if (!has_local(echo)) return;
    finish_erasing(sink);
    echo_char(static_cast<char>(settings_.cc[vkill]), sink);
    if (has_local(echok)) echo_raw('\n', sink);
}

void Discipline::erase(ControlChar kind, DisciplineSink& sink) {
    if (head_ == canon_head_) return;
    const bool can_show =
        has_local(echo) && has_local(echoe) && has_local(echok) && has_local(echoke);
    if (kind == vkill && !can_show) return erase_all_quietly(sink);
    bool in_word = false;
    while (head_ != canon_head_) {
        // One character may be several bytes; never part of one.
        std::uint32_t from = head_;
        do from--;
        while (is_continuation(at(from)) && from != canon_head_);
        const char c = at(from);
        if (is_continuation(c)) return;
        if (kind == vwerase) {
            if (is_word(c))
                in_word = true;
            else if (in_word)
                return;
        }
        head_ = from;
        if (has_local(echo)) erase_echo(c, kind, sink);
        if (kind == verase) return;
    }
    if (has_local(echo)) finish_erasing(sink);
}

void Discipline::erase_echo(char erased, ControlChar kind, DisciplineSink& sink) {
    if (has_local(echoprt)) {
        if (!erasing_) echo_raw('\\', sink);
        erasing_ = true;
        echo_char(erased, sink);
    } else if (kind == verase && !has_local(echoe)) {
        echo_char(static_cast<char>(settings_.cc[verase]), sink);
    } else if (erased == '\t') {
        erase_tab(sink);
    } else {
        if (is_control(erased) && has_local(echoctl)) write("\b \b", sink);
        if (!is_control(erased) || has_local(echoctl)) write("\b \b", sink);
    }
}

// Goes back as far as the tab went: what stands before it, up to another tab or the line's begin,
// tells the column it started from.
void Discipline::erase_tab(DisciplineSink& sink) {
    std::uint32_t columns = 0;
    std::uint32_t p = head_;
    while (p != canon_head_ && at(p - 1) != '\t') {
        p--;
        if (is_control(at(p)))
            columns += has_local(echoctl) ? 2 : 0;
        else if (!is_continuation(at(p)))
            columns++;
    }
    if (p == canon_head_) columns += canon_column_;
    for (std::uint32_t back = 8 - columns % 8; back > 0; back--) echo_raw('\b', sink);
}

void Discipline::reprint(DisciplineSink& sink) {
    finish_erasing(sink);
    echo_char(static_cast<char>(settings_.cc[vreprint]), sink);
    echo_raw('\n', sink);
    for (std::uint32_t p = canon_head_; p != head_; p++) echo_char(at(p), sink);
}

} // namespace drupe::tty

// SPDX-License-Identifier: BSD-2-Clause
// Output side of the line discipline: what OPOST asks for, and the column that tabs and erasing
// need. Runs of plain bytes go to the device in one piece.
#include <drupe/tty/discipline.h>

namespace drupe::tty {

void Discipline::write(std::string_view bytes, DisciplineSink& sink) {
    if (!has_output(opost)) {
        sink.output(bytes);
        return;
    }
    const bool upper = has_output(olcuc);
    std::size_t plain = 0; // bytes before this one that can leave as they are
    for (std::size_t i = 0; i < bytes.size(); i++) {
        const auto c = static_cast<unsigned char>(bytes[i]);
        if (c >= 0x20 && c != 0x7f && !upper) {
            // Continuation bytes of UTF-8 take no column.
            column_ += !((settings_.iflag & iutf8) != 0 && (c & 0xc0) == 0x80);
            continue;
        }
        if (i > plain) sink.output(bytes.substr(plain, i - plain));
        write_special(static_cast<char>(c), sink);
        plain = i + 1;
    }
    if (bytes.size() > plain) sink.output(bytes.substr(plain, bytes.size() - plain));
}

void Discipline::write_special(char c, DisciplineSink& sink) {
    constexpr std::string_view blanks = "        ";
    switch (c) {
    case '\n':
        if (has_output(onlret)) column_ = 0;
        if (!has_output(onlcr)) break;
        column_ = canon_column_ = 0;
        sink.output("\r\n");
        return;
    case '\r':
        if (has_output(onocr) && column_ == 0) return;
        if (has_output(ocrnl)) {
            c = '\n';
            if (has_output(onlret)) column_ = canon_column_ = 0;
            break;
        }
        column_ = canon_column_ = 0;
        break;
    case '\t': {
        const std::uint32_t width = 8 - column_ % 8;
        column_ += width;
        if ((settings_.oflag & xtabs) != xtabs) break;
        sink.output(blanks.substr(0, width));
        return;
    }
    case '\b':
        if (column_ > 0) column_--;
        break;
    default:
        if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) { // OLCUC
            if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
            column_++;
        }
        break;
    }
    sink.output({&c, 1});
}

} // namespace drupe::tty

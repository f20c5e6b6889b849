// SPDX-License-Identifier: BSD-2-Clause
// The machine's console as programs see it: the terminal /dev/console, or, when the host wants its
// bytes unchanged, a byte stream in each direction.
#pragma once

#include <drupe/tty/tty.h>

#include <string_view>

namespace drupe::tty {

struct ConsoleLine {
    InputPump::Read read; // null: output only
    Tty::Write write;
};
enum class InputKind : std::uint8_t {
    keys,        // for the terminal
    framed_keys, // for the terminal, framed, with the sizes of its window
    framed,      // for open_framed_input(); the terminal gets none
};

/// Makes the terminal and registers the devices console (5:1), tty (5:0) and rawconsole (240:0),
/// which passes output unchanged and is no terminal. Once; thread context. no_memory.
Result<void> start_console(const ConsoleLine& line, InputKind kind);
/// One more name of the terminal, below /dev. Once; after start_console. Context: thread.
void add_console_node(std::uint32_t major, std::uint32_t minor, const char* name);
/// There are bytes on the line. Any context; nothing before start_console.
void on_console_input();
/// After start_console.
Tty& console_tty();
/// The host's framed bytes, like the read end of a pipe. invalid: the input is keys. no_memory.
Result<RefPtr<vfs::File>> open_framed_input();

} // namespace drupe::tty

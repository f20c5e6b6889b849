// SPDX-License-Identifier: BSD-2-Clause
// The kernel's command line, by Linux's rules: blanks separate, double quotes protect them and go
// when they open a word or a value; words before "--" are for the kernel, those after it for the
// program. Pure.
#pragma once

#include <drupe/base/result.h>
#include <drupe/init/words.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::init {

struct CommandLine {
    Words options;
    Words arguments; // behind "--"
};
/// Splits `text` into `storage`, from which the result borrows. too_big: storage is smaller than
/// text.size() + 1.
Result<CommandLine> split_command_line(std::string_view text, std::span<char> storage);

enum class Isolation : std::uint8_t { automatic, el1t, el0 };

/// What the words for the kernel ask for.
struct Options {
    Isolation isolation = Isolation::automatic; // drupe.isolation=el1t|el0
    bool strace = false;                        // drupe.strace
    bool devices = false;                       // drupe.devices: print what the machine has
    bool status_on_console = false;             // drupe.status=console
    bool quiet = false;                         // quiet
    bool randomize = true;                      // norandmaps
    std::string_view program;                   // init=
    std::string_view console;                   // console=, the last one
    std::string_view root;                      // root=
    std::string_view root_type;                 // rootfstype=
    std::string_view autorun;                   // drupe.autorun=: kernel self-tests
    std::string_view unknown;                   // the first drupe.* word that means nothing
};
/// Words that are neither ours nor Linux's are somebody else's business and are passed over.
Options read_options(const Words& words);

} // namespace drupe::init

// SPDX-License-Identifier: BSD-2-Clause
// What to run and how: from the start record that ./drupe puts into the boot file system
// (docs/bootfs.md), or, when a person boots the kernel by hand, from the command line. Pure.
#pragma once

#include <drupe/init/command_line.h>
#include <drupe/init/words.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::init {

/// keys: a terminal's, framed.
enum class StdinMode : std::uint8_t { tty, keys, framed, null };
enum class StdoutMode : std::uint8_t { tty, raw };

/// Borrows from the record or the command line's storage.
struct StartConfig {
    /// argv, at least one word, unless `program` makes it one more in front.
    Words arguments;
    std::string_view program; // from init=; empty: arguments has it all
    Words environment;
    std::string_view cwd = "/";
    std::uint32_t uid = 0, gid = 0;
    StdinMode stdin_mode = StdinMode::tty;
    StdoutMode stdout_mode = StdoutMode::tty;
    Words shares;                        // SharePlace::parse
    std::uint16_t rows = 0, columns = 0; // 0: no terminal, or of unknown size

    /// visit(std::string_view) for each word of argv.
    template <class Visit>
    void for_each_argument(Visit visit) const {
        if (!program.empty()) visit(program);
        arguments.for_each(visit);
    }
};

/// One of StartConfig::shares: a folder of the host's and where it goes.
struct SharePlace {
    std::string_view tag, path;
    bool is_read_only;
    /// "TAG:ro:/path" or "TAG:rw:/path"; without a tag: it is none of these.
    static SharePlace parse(std::string_view text);
};

/// A StartConfig, or a sentence about what is wrong, with the record it is about.
struct StartOutcome {
    StartConfig config;
    std::string_view flaw; // empty: none
    std::string_view record;
    bool ok() const { return flaw.empty(); }
};

/// Reads a start record.
StartOutcome parse_start_record(std::string_view bytes);
/// Without a record: init= and the words behind "--".
StartOutcome start_from_command_line(const CommandLine& line, const Options& options);

} // namespace drupe::init

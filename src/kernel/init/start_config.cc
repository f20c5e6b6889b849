// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/init/start_config.h>

namespace drupe::init {
namespace {

using namespace std::string_view_literals;

/// Digits only, no sign, at most `most`.
template <class Int>
bool read_number(std::string_view text, std::uint64_t most, Int& out) {
    if (text.empty()) return false;
    std::uint64_t value = 0;
    for (char c : text) {
        if (c < '0' || c > '9') return false;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
        if (value > most) return false;
    }
    out = static_cast<Int>(value);
    return true;
}

// (uid_t)-1 means "unchanged" to system calls and so names nobody.
constexpr std::uint64_t most_id = 0xffff'fffe;

std::string_view read_stdin(std::string_view value, StartConfig& config) {
    if (value == "tty")
        config.stdin_mode = StdinMode::tty;
    else if (value == "keys")
        config.stdin_mode = StdinMode::keys;
    else if (value == "framed")
        config.stdin_mode = StdinMode::framed;
    else if (value == "null")
        config.stdin_mode = StdinMode::null;
    else
        return "stdin is tty, keys, framed or null";
    return {};
}

std::string_view read_stdout(std::string_view value, StartConfig& config) {
    if (value == "tty")
        config.stdout_mode = StdoutMode::tty;
    else if (value == "raw")
        config.stdout_mode = StdoutMode::raw;
    else
        return "stdout is tty or raw";
    return {};
}

/// What is wrong with the record; empty: nothing.
std::string_view read_record(std::string_view tag, std::string_view value, StartConfig& config) {
    if (tag == "arg") return {}; // found again by its tag
    if (tag == "share")
        return SharePlace::parse(value).tag.empty() ? "a share is TAG:ro:/path or TAG:rw:/path"sv
                                                    : ""sv;
    if (tag == "env") {
        const std::size_t equals = value.find('=');
        return equals == value.npos || equals == 0 ? "a variable is NAME=value"sv : ""sv;
    }
    if (tag == "cwd") {
        config.cwd = value;
        return value.starts_with('/') ? ""sv : "the working directory is an absolute path"sv;
    }
    if (tag == "uid") return read_number(value, most_id, config.uid) ? ""sv : "uid is a number"sv;
    if (tag == "gid") return read_number(value, most_id, config.gid) ? ""sv : "gid is a number"sv;
    if (tag == "rows")
        return read_number(value, 0xffff, config.rows) ? ""sv : "rows is a number up to 65535"sv;
    if (tag == "cols")
        return read_number(value, 0xffff, config.columns) ? ""sv : "cols is a number up to 65535"sv;
    if (tag == "stdin") return read_stdin(value, config);
    if (tag == "stdout") return read_stdout(value, config);
    return "no such tag is known";
}

} // namespace

SharePlace SharePlace::parse(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == text.npos) return {};
    const std::string_view way = text.substr(colon + 1, 3),
                           path = text.substr(colon + 1 + way.size());
    if ((way != "ro:" && way != "rw:") || !path.starts_with('/')) return {};
    return {text.substr(0, colon), path, way == "ro:"};
}

StartOutcome parse_start_record(std::string_view bytes) {
    StartOutcome outcome;
    if (bytes.empty() || bytes.back() != '\0') {
        outcome.flaw = "the start record is cut off";
        return outcome;
    }
    StartConfig& config = outcome.config;
    Words(bytes).for_each([&](std::string_view record) {
        if (!outcome.ok()) return;
        const std::size_t equals = record.find('=');
        outcome.record = record;
        outcome.flaw = equals == record.npos ? "a record is TAG=value"sv
                                             : read_record(record.substr(0, equals),
                                                           record.substr(equals + 1), config);
    });
    if (!outcome.ok()) return outcome;
    outcome.record = {};
    config.arguments = Words(bytes, "arg=");
    config.environment = Words(bytes, "env=");
    config.shares = Words(bytes, "share=");
    if (config.arguments.count() == 0) outcome.flaw = "the start record names no program";
    return outcome;
}

StartOutcome start_from_command_line(const CommandLine& line, const Options& options) {
    // What Linux gives its init, and a search path besides, because argv[0] is looked for.
    static constexpr std::string_view environment =
        "HOME=/\0TERM=linux\0"
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\0"sv;
    StartOutcome outcome;
    outcome.config.program = options.program;
    outcome.config.arguments = line.arguments;
    outcome.config.environment = Words(environment);
    if (options.program.empty() && line.arguments.count() == 0)
        outcome.flaw = "nothing to run: there is no start record, and the command line names no "
                       "program (init=/path, or words behind --)";
    return outcome;
}

} // namespace drupe::init

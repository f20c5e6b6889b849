// SPDX-License-Identifier: BSD-2-Clause
// /proc/sys/kernel/core_pattern and core_uses_pid: what core files are called. [linux] core(5),
// "Naming of core dump files". Patterns that begin with a pipe are refused: nobody runs programs
// for the kernel here.
#include "core_dump.h"

#include <drupe/base/format.h>
#include <drupe/sync/spin_lock.h>
#include <drupe/time/clock.h>
#include <drupe/vfs/generated_file.h>

namespace drupe::process {
namespace {

struct Pattern {
    char text[128] = "core";
    bool uses_pid = false;
};
struct State {
    SpinLock<LockRank::system_name> lock;
    Pattern pattern GUARDED_BY(lock);
};
constinit State state;

Pattern now() {
    SpinGuard guard(state.lock);
    return state.pattern;
}

/// A name inside a path: slashes become exclamation marks.
void put_part(FormatSink& out, std::string_view text) {
    for (const char c : text) {
        const char safe = c == '/' ? '!' : c;
        out.put({&safe, 1});
    }
}

void expand(FormatSink& out, char what, const CoreDump& dump) {
    const UserThread& self = *dump.threads->user;
    const Process& process = *self.process;
    switch (what) {
    case '%': out.put("%"); break;
    case 'p':
    case 'P': format_to(out, "{}", process.pid); break;
    case 'i':
    case 'I': format_to(out, "{}", self.tid); break;
    case 'u': format_to(out, "{}", process.credentials.uid); break;
    case 'g': format_to(out, "{}", process.credentials.gid); break;
    case 'd': out.put("1"); break;
    case 's': format_to(out, "{}", dump.info.signo); break;
    case 't': format_to(out, "{}", time::wall().ns / 1'000'000'000); break;
    case 'e': put_part(out, sched::current().name()); break;
    case 'f': put_part(out, process.image->name()); break;
    case 'c': format_to(out, "{}", process.limit(Resource::core).soft); break;
    default: break; // and the letter after it
    }
}

void write_pattern(FormatSink& out) {
    const Pattern pattern = now();
    format_to(out, "{}\n", std::string_view(pattern.text));
}

bool may_change() { return current_process().credentials.is_privileged(); }

Result<void> store_pattern(std::string_view text) {
    if (!may_change()) return Errc::not_permitted;
    text = text.substr(0, std::min(text.find('\n'), text.size()));
    if (text.starts_with('|') || text.size() >= sizeof(Pattern::text)) return Errc::invalid;
    SpinGuard guard(state.lock);
    *std::copy(text.begin(), text.end(), state.pattern.text) = '\0';
    return {};
}

void write_uses_pid(FormatSink& out) { out.put(now().uses_pid ? "1\n" : "0\n"); }

Result<void> store_uses_pid(std::string_view text) {
    if (!may_change()) return Errc::not_permitted;
    if (text.empty() || text[0] < '0' || text[0] > '9') return Errc::invalid;
    SpinGuard guard(state.lock);
    state.pattern.uses_pid = text[0] != '0';
    return {};
}

constinit vfs::GeneratedFile files[] = {
    {"sys/kernel/core_pattern", write_pattern, store_pattern},
    {"sys/kernel/core_uses_pid", write_uses_pid, store_uses_pid},
};

} // namespace

std::string_view core_name(const CoreDump& dump, std::span<char> room) {
    const Pattern pattern = now();
    BufferSink out(room.first(room.size() - 1));
    const std::string_view text(pattern.text);
    bool has_pid = false;
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] != '%') {
            out.put(text.substr(i, 1));
        } else if (++i < text.size()) {
            has_pid |= text[i] == 'p';
            expand(out, text[i], dump);
        }
    }
    if (!text.empty() && pattern.uses_pid && !has_pid)
        format_to(out, ".{}", dump.threads->user->process->pid);
    const std::string_view name = out.text();
    room[name.size()] = '\0';
    return name;
}

void register_core_pattern() {
    for (vfs::GeneratedFile& file : files) vfs::register_file(vfs::proc_files, file);
}

} // namespace drupe::process

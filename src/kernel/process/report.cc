// SPDX-License-Identifier: BSD-2-Clause
#include "report.h"

#include <drupe/process/lifecycle.h>

#include <drupe/arch/frame_report.h>
#include <drupe/arch/user_access.h>
#include <drupe/base/format.h>
#include <drupe/mm/address_space.h>
#include <drupe/mm/vm_object.h>
#include <drupe/process/names.h>
#include <drupe/trace/log.h>
#include <drupe/vfs/file.h>

#include <array>

namespace drupe::process {
namespace {

template <class... Args>
void say(std::string_view format, const Args&... args) {
    log(LogLevel::error, format, args...);
}

/// Why the fault happened, from its signal's code.
std::string_view reason(const UserThread& self, const SigInfo& info) {
    if (self.overflowed_stack) return "stack overflow";
    if (info.signo == sigsegv) return info.code == segv_access_error ? "not allowed" : "not mapped";
    if (info.signo != sigbus) return "";
    return info.code == bus_alignment ? "misaligned"
           : info.code == bus_address ? "beyond the end of the mapped file"
                                      : "error of the memory system";
}

std::string_view what(const UserThread& self) {
    switch (self.fault_access) {
    case arch::Access::read: return "read of";
    case arch::Access::write: return "write to";
    case arch::Access::exec: return "jump to";
    }
    return "";
}

void say_cause(const UserThread& self, const SigInfo& info, const arch::TrapFrame& frame) {
    const std::string_view name = self.process->image->name();
    if (info.signo == sigsegv || info.signo == sigbus)
        say("program {} ({}/{}) killed by {}: {} address {} ({}), pc {}", name, self.process->pid,
            self.tid, signal_name(info.signo), what(self), VirtAddr{self.fault_address},
            reason(self, info), VirtAddr{frame.pc()});
    else
        say("program {} ({}/{}) killed by {} at pc {}", name, self.process->pid, self.tid,
            signal_name(info.signo), VirtAddr{frame.pc()});
}

std::string_view region_name(const Image& image, const mm::RegionInfo& region,
                             std::span<char> buffer) {
    if (region.begin <= image.vdso && image.vdso < region.end) return "[vdso]";
    if (region.is_break) return "[heap]";
    if (region.grows_down) return "[stack]";
    if (!region.object) return "anonymous memory";
    if (!region.file) return "shared memory";
    const auto path = vfs::path_of(vfs::File::of(*region.file).dentry(), nullptr, buffer);
    return path.ok() ? path.value() : "mapped file";
}

/// An address as a program's author knows it: which mapping, how far into it.
void say_place(Image& image, std::string_view label, VirtAddr address) {
    mm::RegionInfo region{};
    if (!image.space().region_above(address, region) || address < region.begin) {
        say("  {} {} (not mapped)", label, address);
        return;
    }
    std::array<char, 256> name;
    say("  {} {} {}+{:#x}", label, address, region_name(image, region, name),
        address - region.begin + (region.first_page << page_shift));
}

void say_stack(const UserThread& self, const arch::TrapFrame& frame) {
    const Bounds& bounds = *self.process->image;
    say("  the main stack of thread {} ({}) is full: sp {}, stack {} to {}", self.thread->name(),
        self.tid, VirtAddr{frame.sp()}, bounds.stack_begin, bounds.stack_end);
    say("  its limit is RLIMIT_STACK ({} KiB)", self.process->limit(Resource::stack).soft / 1024);
}

/// Frame records {next, return address}, upwards on the stack. They are the program's data: nothing
/// in them is believed.
void say_calls(Image& image, const arch::TrapFrame& frame) {
    struct Record {
        std::uint64_t next, return_to;
    };
    constexpr unsigned most = 24;
    say_place(image, "at", VirtAddr{frame.pc()});
    std::uint64_t at = frame.frame_pointer();
    for (unsigned n = 0; n < most && at != 0 && is_aligned(at, 8); n++) {
        const Result<Record> record = arch::get_user<Record>(VirtAddr{at});
        if (!record || record.value().return_to == 0) return;
        say_place(image, "by", VirtAddr{record.value().return_to});
        if (record.value().next <= at) return;
        at = record.value().next;
    }
}

} // namespace

void report_death(UserThread& self, const SigInfo& info, const arch::TrapFrame& frame) {
    const bool is_fault =
        synchronous_signals.has(info.signo) && info.code > 0 && info.code != si_kernel;
    if (!is_fault) {
        if (self.process == program())
            log(LogLevel::notice, "program {} ({}) ended by {}", self.process->image->name(),
                self.process->pid, signal_name(info.signo));
        return;
    }
    say_cause(self, info, frame);
    if (self.overflowed_stack) say_stack(self, frame);
    arch::print_registers(frame,
                          [](std::string_view line) { trace::add_line(LogLevel::error, line); });
    say_calls(*self.process->image, frame);
}

void report_no_memory(UserThread& self, VirtAddr address) {
    say("program {} ({}/{}) killed: no memory is left for the page at {}; give the machine more "
        "(-m)",
        self.process->image->name(), self.process->pid, self.tid, address);
}

} // namespace drupe::process

// SPDX-License-Identifier: BSD-2-Clause
// Core files: the process stands still, each thread with its registers, and one of them writes.
// Private to this room.
#pragma once

#include "note_buffer.h"

#include <drupe/arch/fpu.h>
#include <drupe/arch/trap.h>
#include <drupe/process/process.h>
#include <drupe/vfs/file.h>

namespace drupe::process {

/// A thread that stands still. Lives on its own stack.
struct CoreThread {
    const UserThread* user;
    const arch::TrapFrame* frame;
    arch::FpuState fpu;
    std::uint64_t tls;
    CoreThread* next = nullptr;
};

/// A dump under way. Lives on the stack of the thread that writes it.
struct CoreDump {
    SigInfo info;                  // that ends the process
    CoreThread* threads = nullptr; // the writer first; changes under the signal lock
    std::uint32_t standing = 0;
};

/// Writes a core file if the process may have one, all other threads standing still meanwhile.
/// True: it is whole. Context: the dying thread, no lock held.
bool dump_core(UserThread& self, const SigInfo& info, const arch::TrapFrame& frame);
/// A thread that is to end: while a dump is under way it stands still before that.
void attend_core_dump(UserThread& self, const arch::TrapFrame& frame);

/// The notes of all threads. no_memory.
Result<void> write_notes(const CoreDump& dump, NoteBuffer& notes);
/// Header, notes and memory. file_too_large: beyond `limit`; interrupted: somebody kills the
/// process; what the file system says.
Result<void> write_core(const CoreDump& dump, vfs::File& file, std::uint64_t limit);
/// The name that /proc/sys/kernel/core_pattern makes for this process. Empty: none.
std::string_view core_name(const CoreDump& dump, std::span<char> room);
void register_core_pattern();

} // namespace drupe::process

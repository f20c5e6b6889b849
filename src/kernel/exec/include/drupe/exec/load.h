// SPDX-License-Identifier: BSD-2-Clause
// Puts a program into an empty address space: segments, interpreter, vDSO, stack.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/exec/argument_block.h>
#include <drupe/exec/report.h>
#include <drupe/exec/stack_layout.h>
#include <drupe/mm/address_space.h>
#include <drupe/vfs/file.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace drupe::exec {

/// How the caller opens program files: with its credentials, root and working directory.
class Opener {
public:
    /// A regular file the caller may execute. The errors of opening: not_found, access, …
    virtual Result<RefPtr<vfs::File>> open_program(const char* path) = 0;

protected:
    ~Opener() = default;
};

struct LoadRequest {
    Opener* opener = nullptr;
    const char* path = nullptr;         // shown in messages and as AT_EXECFN
    RefPtr<vfs::File> file;             // null: `path` is opened
    ArgumentBlock* arguments = nullptr; // at least one argument; changed when the file is a script
    std::uint32_t uid = 0, euid = 0, gid = 0, egid = 0;
    bool secure = false;
    std::array<std::byte, 16> random{}; // AT_RANDOM
    std::uint64_t seed = 0;             // of the program's address; 0 unless randomized
    std::uint64_t layout = 0;           // the address space was made with this
    bool randomize = true;

    /// All from one draw: random numbers come in blocks.
    using Drawn = std::array<std::uint64_t, 4>;
    void take(const Drawn& drawn) {
        std::memcpy(random.data(), &drawn[0], random.size());
        if (!randomize) return;
        seed = drawn[2];
        layout = drawn[3];
    }
};

/// Where everything lies. What kernel/process keeps of a program.
struct ExecImage {
    RefPtr<vfs::File> executable; // the program itself; a script's interpreter
    VirtAddr start_pc{};          // of the interpreter when there is one
    VirtAddr start_sp{};
    VirtAddr entry{}; // of the program
    VirtAddr code_begin{}, code_end{};
    VirtAddr data_begin{}, data_end{};
    VirtAddr brk_begin{};
    VirtAddr stack_begin{}, stack_end{}; // lowest address the limit allows, top
    VirtAddr vdso{};                     // 0: none installed
    VirtAddr signal_return{};            // 0 without a vDSO
    StackLayout stack;
};

/// `space` is empty but for its limits, and active on the calling thread, whose own memory it is
/// from now on; on failure the caller throws it away. Context: thread, no lock held; sleeps.
/// Errors as of execve: not_found, access, not_executable, bad_library (the interpreter is no
/// program), symlink_loop (scripts of scripts of …), too_big, no_memory, not_permitted, io. Each
/// leaves a sentence in `report`.
Result<OwnPtr<ExecImage>> load(mm::AddressSpace& space, LoadRequest& request,
                               FailureReport& report);

} // namespace drupe::exec

// SPDX-License-Identifier: BSD-2-Clause
// What exec makes and CLONE_VM shares: an address space, and where things lie in it.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/units.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace drupe::mm {
class AddressSpace;
}
namespace drupe::vfs {
class File;
}

namespace drupe::process {

/// Which memory goes into a core file: /proc/PID/coredump_filter.
enum CoreFilter : std::uint32_t {
    core_anonymous_private = 1,
    core_anonymous_shared = 2,
    core_mapped_private = 4,
    core_mapped_shared = 8,
    core_elf_headers = 0x10,
    core_filter_default = 0x33, // with that of huge pages, of which there are none
    core_filter_all = 0x1ff,
};

/// Where things lie. All 0 when not known.
struct Bounds {
    VirtAddr entry{}; // of the program, not of its interpreter
    VirtAddr code_begin{}, code_end{};
    VirtAddr data_begin{}, data_end{};
    VirtAddr stack_begin{}, stack_end{};         // first thread's: lowest address it may reach, top
    VirtAddr arguments_begin{}, arguments_end{}; // /proc/self/cmdline
    VirtAddr environment_begin{}, environment_end{}; // /proc/self/environ
    VirtAddr vdso{};
    VirtAddr signal_return{};             // the vDSO's __kernel_rt_sigreturn
    std::array<std::uint64_t, 64> auxv{}; // /proc/self/auxv
    std::size_t auxv_words = 0;
    bool is_dumpable = true;
    CoreFilter core_filter = core_filter_default; // exec's program gets its predecessor's
    std::uint32_t membarriers = 0;                // registrations, MEMBARRIER_CMD_*
};

/// Filled by who starts a program, before its first thread runs; afterwards only the argument
/// bounds (prctl) and the name change. The heap's bounds are the space's own.
class Image : public Bounds, public RefCounted<Image> {
public:
    /// Takes the space over. no_memory.
    static Result<RefPtr<Image>> create(OwnPtr<mm::AddressSpace> space);
    static void destroy(Image* image);

    mm::AddressSpace& space() { return *space_; }
    /// fork: a copy-on-write copy with the same bounds. no_memory.
    Result<RefPtr<Image>> copy();

    RefPtr<vfs::File> executable; // /proc/self/exe
    /// The program's name for messages: last part of its path, at most 63 bytes.
    std::string_view name() const { return {name_.data(), name_length_}; }
    void set_name(std::string_view path);

private:
    explicit Image(OwnPtr<mm::AddressSpace> space);
    ~Image();
    OwnPtr<mm::AddressSpace> space_;
    std::array<char, 64> name_{};
    std::size_t name_length_ = 0;
};

} // namespace drupe::process

// SPDX-License-Identifier: BSD-2-Clause
// The pages every program gets besides its own: clock data, written by the kernel, and behind it
// the vDSO's code. Put in place once at boot by who has its bytes (src/libc/vdso).
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/mm/vm_object.h>

#include <cstdint>

namespace drupe::exec {

struct Vdso {
    RefPtr<mm::VmObject> pages; // data pages, then an ELF shared object
    PageCount data_pages{};
    PageCount code_pages{};
    std::uint64_t signal_return = 0; // offset of __kernel_rt_sigreturn in the shared object
};

/// Once, before the first program.
void install_vdso(Vdso vdso);
/// Null when none was.
const Vdso* installed_vdso();

} // namespace drupe::exec

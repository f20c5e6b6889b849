// SPDX-License-Identifier: BSD-2-Clause
// Why a program's instruction could not be carried out.
#pragma once

#include <drupe/base/units.h>

#include <cstdint>

namespace drupe::arch {

enum class Access : std::uint8_t { read, write, exec };

struct Fault {
    enum class Kind : std::uint8_t {
        translation, // nothing mapped at `address`
        permission,  // mapped, but not for this access
        alignment,   // address not aligned as the access demands
        bus,         // the memory system answered with an error
        undefined,   // not an instruction, or not allowed here
        breakpoint,  // brk
        single_step,
        fp_trapped, // a trapped floating-point exception; `code` holds the cumulative bits
        other,
    };
    Kind kind;
    Access access;
    VirtAddr address;       // of the data or instruction that faulted
    std::uint64_t syndrome; // the arch's own word (ESR_EL1), for reports and signal frames
};

} // namespace drupe::arch

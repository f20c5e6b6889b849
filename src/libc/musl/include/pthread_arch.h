// SPDX-License-Identifier: BSD-2-Clause
// musl's header, but for one thing: where cancellation finds a thread's pc in a signal's context,
// as `uc->uc_mcontext.MC_PC`.
#include_next "pthread_arch.h"

#undef MC_PC
#define MC_PC regs[__drupe_pc_index(uc)]
__attribute__((__visibility__("hidden"))) int __drupe_pc_index(void* context);

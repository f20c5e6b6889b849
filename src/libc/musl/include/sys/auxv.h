// SPDX-License-Identifier: BSD-2-Clause
// For the libc's own files. musl hides __getauxval from programs; libgcc's outline atomics, which
// every program may contain, ask for the processor's features by it.
#ifndef DRUPE_SYS_AUXV_H
#define DRUPE_SYS_AUXV_H

#include <include/sys/auxv.h> // the header that programs see

unsigned long __getauxval(unsigned long);

#endif

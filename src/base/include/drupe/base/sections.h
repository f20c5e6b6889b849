// SPDX-License-Identifier: BSD-2-Clause
// Where the linker puts things.
#pragma once

#if defined(DRUPE_HOSTED)
#define DRUPE_RO_AFTER_INIT
#else
/// Written during boot only; read-only from image::seal_kernel() on.
#define DRUPE_RO_AFTER_INIT [[gnu::section(".ro_after_init")]]
#endif
